import ArgumentParser
import ColonyCore

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain an idea that Colony builds on, and what to choose.",
        discussion: """
            Example: colony explain fencing

            Without a topic it lists the topics.
            """
    )

    @Argument(
        help: ArgumentHelp("What to explain.", valueName: "topic"), completion: .list(Topic.all.map(\.name)))
    var topic: String?

    @OptionGroup var output: OutputOptions

    mutating func run() throws {
        guard let topic else {
            return try self.list()
        }
        guard let found = Topic.all.first(where: { $0.name == topic.lowercased() }) else {
            throw Failure("not_found", Topic.unknownSentence(topic), exitCode: .usage)
        }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(found)
                : TextWrapping.wrapped(found.text, to: min(StandardOutput.width, 100)))
    }

    private func list() throws {
        if self.output.json { return StandardOutput.write(try JSONText.of(Topic.all)) }
        let width = Topic.all.map(\.name.count).max() ?? 0
        for topic in Topic.all {
            StandardOutput.write(
                "\(topic.name)\(String(repeating: " ", count: width - topic.name.count))  \(topic.summary)")
        }
    }
}
