import ArgumentParser
import ColonyCaches
import ColonyRemote

struct CacheStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show how a daemon's cache does: hits, size, what has left it, and the hottest keys.",
        discussion: """
            Example: colony cache stats --server http://127.0.0.1:7400

            The counts begin with the start of the daemon; those of the hottest keys fade by half every ten minutes.
            """
    )

    @OptionGroup var stores: CacheStoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let tier = try await self.stores.place().makeRemoteTier()
        let result: Result<CacheStatisticsDocument, CacheError>
        do throws(CacheError) {
            result = .success(try await tier.statistics())
        } catch {
            result = .failure(error)
        }
        await tier.close()
        let statistics = try result.get()
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(statistics) : CachePresentation.lines(statistics).joined(separator: "\n"))
    }
}
