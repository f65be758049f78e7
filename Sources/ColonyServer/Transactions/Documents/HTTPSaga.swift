import ColonyCore
import ColonyTransactions

/// A saga over HTTP, as the journal keeps it: its steps in a row, each with those before it.
struct HTTPSaga: Hashable, Sendable, Codable {
    var name: String
    var timeout: Int64?
    var steps: [HTTPStep]

    enum CodingKeys: String, CodingKey {
        case name, steps
        case timeout = "timeout_ms"
    }

    /// By what journals refer to sagas of this kind. Its version changes if the same document comes to other steps.
    static let key = DefinitionKey("http-saga", version: 1)

    /// What a coordinator works on such sagas with.
    static func definition(calling client: ParticipantClient) -> TransactionDefinition {
        TransactionDefinition(Self.key, .saga) { input in
            let document = try HTTPDocument<HTTPSaga>(decoding: input)
            return try document.body.plan(document.payload, calling: client)
        }
    }

    private func plan(_ payload: [UInt8], calling client: ParticipantClient) throws -> TransactionPlan {
        var planned: [PlannedStep] = []
        // For each step all that come before it, also over others.
        var earlier: [Set<Int>] = []
        for step in self.steps {
            guard step.after.allSatisfy({ (0..<earlier.count).contains($0) }) else {
                throw HTTPDocument<HTTPSaga>.Defect(
                    description: "the step \(NameRules.quoted(step.name)) is after \(step.after)")
            }
            let before = step.after.reduce(into: Set(step.after)) { $0.formUnion(earlier[$1]) }
            earlier.append(before)
            planned.append(try self.planned(step, place: planned.count, after: before, payload, client))
        }
        return TransactionPlan(steps: planned, timeout: self.timeout.map { .milliseconds($0) }) { _ in () }
    }

    private func planned(
        _ step: HTTPStep, place: Int, after before: Set<Int>, _ payload: [UInt8], _ client: ParticipantClient
    ) throws -> PlannedStep {
        let kind: StepOutline.Kind =
            switch step.kind {
            case .compensable, .read: .compensable
            case .pivot: .pivot
            case .retryable: .retryable
            }
        let action = try CallAddress(step.action)
        let compensation = try step.compensation.map { text throws(CallAddress.Defect) in try CallAddress(text) }
        let wants = step.outputs ?? false
        let seen = wants ? before.sorted().map { (place: $0, name: self.steps[$0].name) } : []
        let name = step.name
        var undo: (@Sendable (RawCall) async throws -> Void)?
        if let compensation {
            // What the step itself gave is what its compensation is about.
            let known = seen + [(place: place, name: name)]
            undo = { raw in
                let body = wants ? CallBody.with(payload, known, in: raw) : payload
                _ = try await client.call(compensation, body, raw, as: raw.direction.rawValue)
            }
        }
        return PlannedStep(
            shape: StepOutline(try StepName(name), kind, after: step.after, hasCompensation: undo != nil),
            policy: try HTTPRetry.policy(timeout: step.timeout, step.retry),
            action: { raw in
                let body = wants ? CallBody.with(payload, seen, in: raw) : payload
                let output = try await client.call(action, body, raw, as: raw.direction.rawValue)
                return StepResult(output, bytes: output)
            }, compensation: undo, decodeOutput: { $0 })
    }
}

/// The body of a call that is told what earlier steps gave.
enum CallBody {
    static func with(_ payload: [UInt8], _ steps: [(place: Int, name: String)], in call: RawCall) -> [UInt8] {
        var body = Array(#"{"payload":"#.utf8) + payload + Array(#","outputs":{"#.utf8)
        for (index, step) in steps.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += JSONText.quoted(step.name) + [UInt8(ascii: ":")]
            let output = call.values[step.place + 1] as? [UInt8] ?? []
            body += output.isEmpty ? Array("null".utf8) : output
        }
        return body + Array("}}".utf8)
    }
}
