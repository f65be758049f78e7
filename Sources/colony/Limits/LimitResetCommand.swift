import ArgumentParser
import ColonyCore
import ColonyResilience

struct LimitResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Forget what was taken from a limit, so that it is full again.",
        discussion: "Example: colony limit reset tenant/7"
    )

    @OptionGroup var limit: LimitNameArgument
    @OptionGroup var stores: StoreOptions

    mutating func run() async throws {
        let engine = try self.stores.place().makeLimitEngine()
        if try await !engine.reset(self.limit.name) {
            StandardError.write("colony: the limit \(self.limit.name) was full already.")
        }
    }
}
