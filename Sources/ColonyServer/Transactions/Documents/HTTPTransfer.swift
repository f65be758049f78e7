import ColonyCore
import ColonyTransactions

/// A TCC over HTTP, as the journal keeps it.
struct HTTPTransfer: Hashable, Sendable, Codable {
    /// What is reserved, confirmed, and cancelled at one participant.
    struct Branch: Hashable, Sendable, Codable {
        var name: String
        /// The URLs that are called to reserve, to make it good, and to give it back.
        var attempt: String
        var confirm: String
        var cancel: String
        var timeout: Int64?
        var retry: HTTPRetry?

        enum CodingKeys: String, CodingKey {
            case name, confirm, cancel, retry
            case attempt = "try"
            case timeout = "timeout_ms"
        }
    }

    var name: String
    var timeout: Int64?
    var isSequential: Bool
    var branches: [Branch]

    enum CodingKeys: String, CodingKey {
        case name, branches
        case timeout = "timeout_ms"
        case isSequential = "sequential"
    }

    /// By what journals refer to TCCs of this kind. Its version changes if the same document comes to other steps.
    static let key = DefinitionKey("http-tcc", version: 1)

    /// What a coordinator works on such TCCs with.
    static func definition(calling client: ParticipantClient) -> TransactionDefinition {
        TransactionDefinition(Self.key, .tcc) { input in
            let document = try HTTPDocument<HTTPTransfer>(decoding: input)
            return try document.body.plan(document.payload, calling: client)
        }
    }

    private func plan(_ payload: [UInt8], calling client: ParticipantClient) throws -> TransactionPlan {
        let draft = TCCDraft(name: self.name, order: self.isSequential ? .sequential : .parallel)
        for branch in self.branches {
            let (attempt, confirm, cancel) = (
                try CallAddress(branch.attempt), try CallAddress(branch.confirm), try CallAddress(branch.cancel)
            )
            let policy = try HTTPRetry.policy(timeout: branch.timeout, branch.retry)
            let _: StepOutput<[UInt8]> = draft.add(
                branch.name, policy, policy,
                attempt: { raw in
                    let output = try await client.call(attempt, payload, raw, as: raw.barrier.operation.rawValue)
                    return StepResult(output, bytes: output)
                }, decodeOutput: { $0 },
                confirm: { raw, _ in
                    _ = try await client.call(confirm, payload, raw, as: raw.barrier.operation.rawValue)
                },
                cancel: { raw in _ = try await client.call(cancel, payload, raw, as: raw.barrier.operation.rawValue) })
        }
        return TransactionPlan(
            steps: try draft.finished(), timeout: self.timeout.map { .milliseconds($0) }
        ) { _ in () }
    }
}
