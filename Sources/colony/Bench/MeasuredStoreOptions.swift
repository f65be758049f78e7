import ArgumentParser
import ColonyCore
import ColonySQLite
import ColonyWorkloads

/// What `colony bench locks --store` measures.
struct MeasuredStoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Measure locks on this store, such as redis://127.0.0.1:6379.", valueName: "url"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Among how many a lock is handed over, each with a connection of its own. (default: 64)",
            valueName: "number"))
    var contenders: Int?

    /// Checks the options, given the blocks that are asked for.
    func check(for blocks: [BenchBlock]) throws {
        if let contenders, !(2...1_000).contains(contenders) {
            throw ValidationError("--contenders must be from 2 to 1000, not \(contenders).")
        }
        if self.store == nil {
            if self.contenders != nil { throw ValidationError("--contenders goes with --store.") }
            return
        }
        guard blocks == [.locks] else {
            throw ValidationError("--store goes with the block locks alone: colony bench locks --store URL.")
        }
    }

    /// The names of the workloads on a store, or `nil` if none is named.
    var names: [String]? {
        self.store == nil ? nil : StoreWorkloads.names
    }

    /// The workloads on the store, or `nil` if none is named.
    func workloads() throws -> [Workload]? {
        guard let store else { return nil }
        let place = try StorePlace(store: store, origin: "--store")
        let contenders = self.contenders ?? EngineLoad.clients
        if case .url(let url) = place, url.scheme == "memory" {
            // Two engines in memory are two stores.
            let engine = try place.makeEngine()
            return StoreWorkloads(contenders: contenders) { StoreWorkloads.Opened(engine) }.all
        }
        return StoreWorkloads(contenders: contenders) {
            if let server = try place.openServer() {
                return StoreWorkloads.Opened(server.engine, close: server.close)
            }
            let engine = try place.makeEngine()
            return StoreWorkloads.Opened(engine) { await (engine as? SQLiteLeaseEngine)?.close() }
        }.all
    }
}
