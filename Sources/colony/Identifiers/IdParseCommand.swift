import ArgumentParser
import ColonyCore
import ColonyIdentifiers

struct IdParseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parse",
        abstract: "Say what is in an identifier: kind, time, worker, version.",
        discussion: """
            Example: colony id parse 01890a5d-ac96-774b-bcce-b302099a8057

            A snowflake is read with --layout, because the number does not say which layout made it.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "A snowflake as decimal number, 13 characters of Crockford's base 32, or 11 of base 62; a UUID; or a ULID.",
            valueName: "id"))
    var id: String

    @Option(
        help: ArgumentHelp(
            "The layout of a snowflake: \(LayoutArgument.names.joined(separator: ", ")).", valueName: "preset"),
        completion: .list(LayoutArgument.names), transform: { try LayoutArgument($0) })
    var layout = LayoutArgument.classic

    @OptionGroup var output: OutputOptions

    mutating func run() throws {
        let parsed = try ParsedIdentifier(text: self.id, layout: self.layout.value)
        let document = IdentifierDocument(parsed, layout: self.layout)
        StandardOutput.write(self.output.json ? try JSONText.of(document) : document.lines.joined(separator: "\n"))
    }
}
