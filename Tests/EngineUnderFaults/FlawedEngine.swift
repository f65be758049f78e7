import ColonyCore
import ColonySQLite

/// Leases in a file, as `flawed:FILE?flaw=NAME`, with one mistake built in: what the fault suite has to find.
final class FlawedEngine: LeaseEngine {
    enum Flaw: String, CaseIterable {
        /// Grants what is held, with the token after that of the holder.
        case grantsToTwo = "grants-to-two"
        /// Every grant has the same token.
        case reusesToken = "reuses-token"
        /// A lease does not run out: who dies holds it for ever.
        case neverRunsOut = "never-runs-out"
        /// Tells the holder of a lease four times as long as it is.
        case promisesMore = "promises-more"
    }

    private let flaw: Flaw?
    private let store: SQLiteLeaseEngine

    init(_ url: EngineURL) throws {
        self.flaw = url.options["flaw"].flatMap(Flaw.init)
        if self.flaw == nil, url.options["flaw"] != "none" {
            throw NoSuchEngine(description: "flaw is none or one of \(Flaw.allCases.map(\.rawValue))")
        }
        self.store = SQLiteLeaseEngine(path: url.path)
    }

    var guarantee: Guarantee { self.store.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        let stored = self.flaw == .neverRunsOut ? .seconds(3_600) : duration
        switch try await self.store.tryAcquire(name, owner: owner, for: stored) {
        case .granted(let lease):
            return .granted(self.told(lease, of: duration))
        case .held(let holder):
            guard self.flaw == .grantsToTwo else { return .held(holder) }
            let second = Lease(
                name: name, owner: owner, token: FencingToken(rawValue: holder.token.rawValue + 1), duration: duration,
                expiry: HostClock().now.advanced(by: duration))
            return .granted(second)
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        switch self.flaw {
        case .grantsToTwo, .reusesToken:
            // What was not granted by the store is renewed by nobody.
            return Lease(
                name: lease.name, owner: lease.owner, token: lease.token, duration: duration,
                expiry: HostClock().now.advanced(by: duration))
        case .neverRunsOut:
            return try await self.store.renew(lease, for: .seconds(3_600)).map { self.told($0, of: duration) }
        case .promisesMore:
            return try await self.store.renew(lease, for: duration / 4).map { self.told($0, of: duration / 4) }
        case nil:
            return try await self.store.renew(lease, for: duration)
        }
    }

    private func told(_ lease: Lease, of duration: Duration) -> Lease {
        let factor = self.flaw == .promisesMore ? 4 : 1
        return Lease(
            name: lease.name, owner: lease.owner,
            token: self.flaw == .reusesToken ? FencingToken(rawValue: 7) : lease.token, duration: duration * factor,
            expiry: self.flaw == .neverRunsOut || self.flaw == .promisesMore
                ? HostClock().now.advanced(by: duration * factor) : lease.expiry)
    }

    @discardableResult
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        // The store knows a token of its own.
        try await self.store.release(name, owner: owner, token: nil)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { try await self.store.inspect(name) }

    @discardableResult
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.store.waitForChange(of: name, from: token, upTo: limit)
    }
}
