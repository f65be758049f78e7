import ColonyCore
import ColonyResilience
import Synchronization

extension Switchboard {
    /// Reports and follows positions until the task is cancelled, through outages of any length. The report is then removed.
    ///
    /// - Throws: ``CoordinationError``: `cancelled`; `ownerBusy` if this board runs already, or if another process has taken the name of this
    ///   node; or what no later attempt would mend: `invalidRequest`, `storageFailed`, `closed`, or `guaranteeNotMet`.
    public func run() async throws(CoordinationError) {
        let isFirst = self.state.withLock { state -> Bool in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else {
            throw CoordinationError(.ownerBusy, "the switchboard of \(self.node) runs already")
        }
        defer { self.state.withLock { $0.isRunning = false } }
        let failure = await withTaskGroup(of: CoordinationError.self) { group in
            group.addTask { await Self.failure { () async throws(CoordinationError) in try await self.follow() } }
            group.addTask { await Self.failure { () async throws(CoordinationError) in try await self.report() } }
            let first = await group.next()
            group.cancelAll()
            return first
        }
        throw failure ?? CoordinationError(.cancelled, "the switchboard of \(self.node) was cancelled")
    }

    private static func failure(_ work: () async throws(CoordinationError) -> Never) async -> CoordinationError {
        do throws(CoordinationError) {
            try await work()
        } catch {
            return error
        }
    }

    // MARK: Positions

    private func follow() async throws(CoordinationError) -> Never {
        throw await SwitchOperator(on: self.engine).follow(room: self.room) { self.take($0) }
    }

    /// Puts what is on the board into new positions.
    private func take(_ positions: [SwitchID: SwitchPosition]) {
        let moved = self.state.withLock { state -> [(any Switchable, SwitchPosition)] in
            defer { state.positions = positions }
            return state.members.compactMap { id, member in
                let position = positions[id] ?? .automatic
                return position == state.positions[id] ?? .automatic ? nil : (member, position)
            }
        }
        for (member, position) in moved { member.apply(position) }
    }

    // MARK: Reports

    private func report() async throws(CoordinationError) -> Never {
        var latest = self.currentReport
        let record = KeptRecord(
            try RecordCodec.bytes(of: latest), for: try Self.key(of: self.node), in: Self.reports, owner: .unique(),
            duration: self.duration, on: self.engine, calls: self.room.calls, executor: self.keeper.executor)
        let failure: CoordinationError
        do throws(CoordinationError) {
            try await record.begin(until: MonotonicInstant(nanoseconds: .max))
            while true {
                try await self.pause()
                let report = self.currentReport
                // A record that has ended says so when it is written.
                if report == latest, record.end == nil { continue }
                try await record.write(
                    try RecordCodec.bytes(of: report), until: MonotonicInstant(nanoseconds: .max))
                latest = report
            }
        } catch {
            failure =
                error.code == .leaseLost ? CoordinationError(.ownerBusy, error.message, cause: error) : error
        }
        await record.remove()
        throw failure
    }

    private func pause() async throws(CoordinationError) {
        do {
            try await self.room.calls.clock.sleep(for: self.interval)
        } catch {
            throw CoordinationError(.cancelled, "the switchboard of \(self.node) was cancelled", cause: error)
        }
    }

    private var currentReport: NodeReport {
        let members = self.state.withLock { Array($0.members.values) }
        return NodeReport(reports: members.map(\.switchReport).sorted { $0.id < $1.id })
    }

    private static func key(of node: NodeID) throws(CoordinationError) -> LeaseName {
        try LeaseName(prefix: "", node.rawValue, for: "the node \(node)")
    }
}

/// What a process reports.
struct NodeReport: Codable, Hashable, Sendable {
    var reports: [SwitchReport]
}
