import ColonyCoordination
import ColonyCore
import NIOCore

extension PermitService {
    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let page = try PageQuery(query, limits: self.limits)
        guard let engine = try self.offered() as? any PermitAdministration else {
            throw .unsupported("list semaphores")
        }
        let records = try await page.items(token: token) { prefix, after, limit throws(LeaseError) in
            try await engine.permitRecords(withPrefix: prefix, after: after, limit: limit)
        }
        return Answer(capacity: 64 + records.count * 256) { body in
            body.writeJSON(#"{"semaphores":["#)
            for (index, record) in records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                self.write(record, to: &body)
            }
            body.writeJSON("]")
            if records.count == page.limit, let last = records.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.name.rawValue)
            }
            body.writeJSON("}")
        }
    }

    func inspect(_ name: LeaseName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let record = try await self.record(of: name, try self.offered())
        return Answer { self.write(record, to: &$0) }
    }

    private func record(of name: LeaseName, _ engine: any PermitEngine) async throws(Problem) -> PermitRecord {
        do {
            return try await engine.inspectPermits(name)
        } catch {
            throw Problem(error)
        }
    }

    /// Waits until permits would be granted, without taking them.
    func awaitFree(_ name: LeaseName, query: Substring.UTF8View, client: Client) async throws(Problem) -> Answer {
        let asked = try FreePermitsQuery(query, of: name, limits: self.limits)
        let engine = try self.offered()
        let look: @Sendable () async -> Result<Bool, LeaseError> = {
            await Self.outcome { () async throws(LeaseError) in
                try await engine.waitForPermits(asked.request, upTo: asked.wait)
            }
        }
        let result: Result<Bool, LeaseError>
        if asked.wait == .zero {
            result = await look()
        } else {
            let (value, end) = try await self.register.run(for: name, client: client, look)
            if case .failure(let error) = value, error.code == .cancelled { try QueueService.refuse(end) }
            result = value
        }
        switch result {
        case .success(let isFree):
            return Answer { body in
                body.writeJSON(#"{"free":"#)
                body.writeJSON(isFree)
                body.writeJSON("}")
            }
        case .failure(let error): throw Problem(error)
        }
    }

    // MARK: Evicting

    /// Ends what a holder has, or takes a waiter's place away, whoever it is.
    func evict(
        _ name: LeaseName, _ owner: OwnerID, query: Substring.UTF8View
    ) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["token"])
        let token = try parameters.integer("token", in: 0...UInt64.max).map { FencingToken(rawValue: $0) }
        let engine = try self.offered()
        // The end of a grant is told by the engine; that of a place has to be looked for.
        let hadPlace = try await self.record(of: name, engine).claims.contains { $0.owner == owner }
        let isEnded: Bool
        do {
            isEnded = try await engine.returnPermits(name, owner: owner, token: token)
        } catch {
            throw Problem(error)
        }
        guard isEnded || (hadPlace && token == nil) else {
            let grant = token.map { " under token \($0)" } ?? ""
            throw Problem(
                .notFound,
                "\(NameRules.quoted(owner.rawValue)) has no permits of \(NameRules.quoted(name.rawValue))\(grant)"
                    + (token == nil ? " and waits for none" : ""))
        }
        self.metrics.evictions.increment(by: 1)
        return Answer { $0.writeJSON(#"{"evicted":true}"#) }
    }

    // MARK: JSON

    private func write(_ record: PermitRecord, to body: inout ByteBuffer) {
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: record.name.rawValue)
        if let limit = self.seen[record.name] {
            body.writeJSON(#","limit":"#)
            body.writeJSON(limit)
        }
        body.writeJSON(#","held":"#)
        body.writeJSON(record.held)
        body.writeJSON(#","holders":["#)
        for (index, holder) in record.holders.enumerated() {
            body.writeJSON(index == 0 ? #"{"owner":"# : #",{"owner":"#)
            body.writeJSON(string: holder.owner.rawValue)
            body.writeJSON(#","permits":"#)
            body.writeJSON(holder.permits)
            body.writeJSON(#","token":"#)
            body.writeJSON(holder.token.rawValue)
            body.writeJSON(#","remaining_ms":"#)
            body.writeJSON(max(0, holder.remaining.clampedMilliseconds))
            body.writeJSON(#","age_ms":"#)
            body.writeJSON(max(0, holder.age.clampedMilliseconds))
            body.writeJSON("}")
        }
        body.writeJSON(#"],"waiters":["#)
        for (index, claim) in record.claims.enumerated() {
            body.writeJSON(index == 0 ? #"{"owner":"# : #",{"owner":"#)
            body.writeJSON(string: claim.owner.rawValue)
            body.writeJSON(#","permits":"#)
            body.writeJSON(claim.permits)
            body.writeJSON(#","age_ms":"#)
            body.writeJSON(max(0, claim.age.clampedMilliseconds))
            body.writeJSON("}")
        }
        body.writeJSON("]}")
    }
}
