public import ColonyCore

/// What the body of a ``LeaseCase`` works with.
public typealias LeaseCaseContext = CaseContext<any LeaseEngine>

extension CaseContext where Engine == any LeaseEngine {
    /// A lease that has to be granted.
    public func grant(
        _ name: LeaseName, to number: Int, for duration: Duration, on engine: (any LeaseEngine)? = nil
    ) async throws -> Lease {
        let owner = try self.owner(number)
        let answer = try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration)
        switch answer {
        case .granted(let lease):
            try expect(lease.name == name, "the lease is for \(lease.name), and \(name) was asked for")
            try expect(lease.owner == owner, "the lease belongs to \(lease.owner), and \(owner) had asked")
            return lease
        case .held(let holder):
            throw ConformanceFailure("owner \(number) was refused \(name), which was free: held by \(holder.owner)")
        }
    }

    /// A lease that has to be refused.
    @discardableResult
    public func refusal(
        _ name: LeaseName, to number: Int, for duration: Duration? = nil, on engine: (any LeaseEngine)? = nil
    ) async throws -> LeaseHolder {
        let owner = try self.owner(number)
        let answer = try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration ?? self.ample)
        switch answer {
        case .granted(let lease):
            throw ConformanceFailure(
                "owner \(number) was granted \(name) with token \(lease.token) while another holds it")
        case .held(let holder):
            return holder
        }
    }

    /// Asks for a held name until it is granted.
    ///
    /// - Parameter limit: At the scale of the harness: after this time and its grace, the case fails.
    /// - Returns: The lease, and a moment not before the grant.
    public func grantEventually(
        _ name: LeaseName, to number: Int, for duration: Duration, upTo limit: Duration,
        on engine: (any LeaseEngine)? = nil
    ) async throws -> (lease: Lease, at: MonotonicInstant) {
        let owner = try self.owner(number)
        let (lease, at) = try await self.answer(upTo: limit, "a grant of \(name)") {
            try await (engine ?? self.engine).tryAcquire(name, owner: owner, for: duration).lease
        }
        return (lease, at)
    }

    /// Breaks what the case has left behind, as far as the engine can and answers. What is not broken runs out.
    func breakLeases() async throws {
        guard let engine = self.engine as? any LeaseAdministration else { return }
        while true {
            let page = try await engine.records(withPrefix: self.prefix, after: nil, limit: LeaseLimits.batch)
            if page.isEmpty { return }
            for record in page { _ = try await engine.breakLease(record.name) }
        }
    }
}
