import ColonyCore
import ColonySQLite
import ColonyServer

/// The engine that the daemon serves.
struct ServedStore {
    let engine: any LeaseEngine
    let place: StorePlace

    /// Makes the engine and asks it once, so that a store that cannot be opened is told before anything listens.
    init(_ configuration: DaemonConfiguration) async throws {
        if let url = configuration.store {
            guard ["sqlite", "memory"].contains(url.scheme) else {
                throw Failure(
                    "invalid_request", "the daemon cannot serve \(url); sqlite:FILE and memory: can be served.",
                    exitCode: .usage)
            }
            self.place = .url(url)
        } else if let directory = configuration.dataDirectory {
            self.place = .file(DataDirectory(path: directory))
        } else {
            self.place = .file(try DataDirectory.ofThisUser())
        }
        self.engine = try self.place.makeEngine()
        _ = try await self.engine.inspect("colony")
    }

    /// Closes the store after the last request.
    func close() async {
        if let engine = self.engine as? SQLiteLeaseEngine { await engine.close() }
    }
}
