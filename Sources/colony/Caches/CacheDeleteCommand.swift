import ArgumentParser
import ColonyCaches
import ColonyCore

struct CacheDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete entries.",
        discussion: """
            Example: colony cache delete page/home page/about

            Exits with 1 if none of them was there.
            """
    )

    @Argument(
        help: ArgumentHelp("The keys of the entries.", valueName: "key"), transform: { try CacheKey($0) })
    var keys: [CacheKey]

    @OptionGroup var stores: CacheStoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        var deleted: Int
    }

    mutating func run() async throws {
        let keys = self.keys
        let count = try await self.stores.withTier { tier in
            var count = 0
            for start in stride(from: 0, to: keys.count, by: tier.limits.keysPerCall) {
                count += try await tier.delete(Array(keys[start...].prefix(tier.limits.keysPerCall)))
            }
            return count
        }
        guard count > 0 else {
            let names = keys.prefix(3).map { NameRules.quoted($0.rawValue) }.joined(separator: ", ")
            throw Failure(
                "not_found", "nothing is cached under \(names)\(keys.count > 3 ? " and \(keys.count - 3) more" : "").")
        }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(Document(deleted: count))
                : "Deleted \(count) of \(keys.count).")
    }
}
