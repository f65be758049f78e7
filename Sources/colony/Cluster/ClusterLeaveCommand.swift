import ArgumentParser
import ColonyRemote

struct ClusterLeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract:
            "Have a daemon leave its cluster: the others know at once that it is gone, and not that it has failed.",
        discussion: """
            Example: colony cluster leave --server http://10.0.0.3:7400

            The daemon serves on. It joins again when it is started again.
            """
    )

    @OptionGroup var place: ClusterOptions

    mutating func run() async throws {
        try await self.place.cluster().leave()
    }
}
