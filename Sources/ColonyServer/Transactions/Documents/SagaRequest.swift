import ColonyCore
import ColonyTransactions
import NIOCore

/// The body of `POST /v1/sagas`: read strictly, checked, and brought into the form that the journal keeps.
struct SagaRequest {
    let start: StartRequest
    let saga: HTTPSaga

    /// The members of a step in which others are, worked on at the same time.
    private static let stepMembers: [StaticString] = [
        "name", "action", "compensation", "timeout_ms", "retry", "read", "retryable", "outputs", "parallel",
    ]
    /// How deep steps may nest, so that no text can exhaust the stack.
    static let maximumDepth = 8

    /// A step as it was written.
    struct Written {
        var path: String
        var name: String?
        var action: String?
        var compensation: String?
        var timeout: Int64?
        var retry: HTTPRetry?
        var reads = false
        var isRetryable = false
        var outputs: Bool?
        var branches: [[Written]]?
        /// Which member of a step that calls somebody is there, to be named if it must not be.
        var member: String?
    }

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits, rules: AddressRules) throws(Problem) {
        var steps: [Written]?
        self.start = try StartRequest(body, limits: limits, others: ["steps"]) { reader, _ throws(JSONDefect) in
            steps = try Self.readSteps(&reader, depth: 0)
        }
        guard let steps else { throw .missing("steps") }
        var layout = SagaLayout(rules: rules)
        try layout.add(steps)
        self.saga = HTTPSaga(
            name: self.start.name.rawValue, timeout: self.start.timeout, steps: try layout.finished())
    }

    private static func readSteps(_ reader: inout JSONReader, depth: Int) throws(JSONDefect) -> [Written] {
        var steps: [Written] = []
        try reader.readArray(atMost: TransactionLimits.steps) { reader throws(JSONDefect) in
            steps.append(try Self.readStep(&reader, depth: depth))
        }
        return steps
    }

    private static func readStep(_ reader: inout JSONReader, depth: Int) throws(JSONDefect) -> Written {
        var step = Written(path: reader.currentPath)
        try reader.readObject(Self.stepMembers) { reader, index throws(JSONDefect) in
            if index != 8 { step.member = "\(Self.stepMembers[index])" }
            switch index {
            case 0: step.name = try reader.readString()
            case 1: step.action = try reader.readString()
            case 2: step.compensation = try reader.readString()
            case 3: step.timeout = try reader.readDuration(in: StepPolicy.timeouts).clampedMilliseconds
            case 4: step.retry = try HTTPRetry.read(&reader)
            case 5: step.reads = try reader.readBool()
            case 6: step.isRetryable = try reader.readBool()
            case 7: step.outputs = try reader.readBool() ? true : nil
            default:
                guard depth < Self.maximumDepth else {
                    throw .outOfRange(
                        path: reader.currentPath, reason: "steps nest more than \(Self.maximumDepth) deep")
                }
                var branches: [[Written]] = []
                try reader.readArray(atMost: TransactionLimits.steps) { reader throws(JSONDefect) in
                    branches.append(try Self.readSteps(&reader, depth: depth + 1))
                }
                step.branches = branches
            }
        }
        return step
    }
}
