import ColonyCoordination
import ColonyCore
import EngineUnderFaults
import FaultHarness
import RealServers
import Synchronization
import Testing

/// The servers of one engine on loopback, and clients of it in this process.
final class PitfallStage: Sendable {
    let store: StoreUnderTest
    let servers: [ServerProcess]
    let url: String
    let clock = HostClock()
    private let folder: TemporaryFolder

    /// Starts the servers and waits until they answer.
    init(_ store: StoreUnderTest) async throws {
        self.store = store
        self.folder = try TemporaryFolder(
            "colony-pitfall", owner: InstalledPrograms.postgres == nil ? nil : "postgres")
        // Sessions long enough for leases of eight seconds.
        let running = try store.launch(
            Stage(folder: self.folder.path, programs: FaultSuiteTests.programs, session: .seconds(9)))
        self.servers = running.servers
        self.url = running.url
        let engine = try self.engine()
        try await self.eventually("the store answers") {
            try self.start()
            do {
                _ = try await engine.inspect("colony")
                return true
            } catch {
                return false
            }
        }
    }

    deinit {
        for server in self.servers { server.kill() }
    }

    /// One more client, as a process of its own would have it.
    func engine() throws -> any LeaseEngine { try EngineUnderFaults.make(self.url) }

    /// Looks again and again until the condition holds.
    func eventually(
        _ expectation: String, within limit: Duration = .seconds(45), _ condition: () async throws -> Bool
    ) async throws {
        let deadline = self.clock.now.advanced(by: limit)
        while try await !condition() {
            guard self.clock.now < deadline else {
                throw ServerFailure("\(self.store.name): this did not happen in \(limit): \(expectation)")
            }
            try await self.clock.sleep(for: .milliseconds(10))
        }
    }

    /// Starts what does not run. A server may refuse while the kernel still cleans up after the one before, so call it again.
    func start() throws {
        for server in self.servers { try server.start() }
    }

    /// Asks until the store answers with a grant.
    func grant(
        _ name: LeaseName, to owner: OwnerID = .unique(), for duration: Duration, on engine: any LeaseEngine
    ) async throws -> Lease {
        var lease: Lease?
        try await self.eventually("\(name) is granted") {
            try self.start()
            lease = try? await engine.tryAcquire(name, owner: owner, for: duration).lease
            return lease != nil
        }
        return try #require(lease)
    }
}
