import ColonyCore
import ColonyTransactions
import NIOCore

/// The body of `POST /v1/tcc`: read strictly, checked, and brought into the form that the journal keeps.
struct TransferRequest {
    let start: StartRequest
    let transfer: HTTPTransfer

    /// The most branches: each is two steps, a try and a confirm.
    static let mostBranches = (TransactionLimits.steps - 1) / 2
    private static let branchMembers: [StaticString] = ["name", "try", "confirm", "cancel", "timeout_ms", "retry"]

    private struct Written {
        var path: String
        var name: String?
        var urls: [String?] = [nil, nil, nil]
        var timeout: Int64?
        var retry: HTTPRetry?
    }

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits, rules: AddressRules) throws(Problem) {
        var branches: [Written]?
        var order = TCCOrder.parallel
        self.start = try StartRequest(body, limits: limits, others: ["branches", "order"]) {
            reader, index throws(JSONDefect) in
            if index == 0 {
                branches = try Self.readBranches(&reader)
            } else {
                let text = try reader.readString()
                guard let known = TCCOrder(rawValue: text) else {
                    throw .outOfRange(
                        path: reader.currentPath, reason: "\(NameRules.quoted(text)) is neither parallel nor sequential"
                    )
                }
                order = known
            }
        }
        guard let branches else { throw .missing("branches") }
        guard !branches.isEmpty else { throw Problem(.invalidRequest, "branches is refused: a TCC needs a branch") }
        var names: Set<String> = []
        var checked: [HTTPTransfer.Branch] = []
        for branch in branches { checked.append(try Self.check(branch, rules, &names)) }
        self.transfer = HTTPTransfer(
            name: self.start.name.rawValue, timeout: self.start.timeout, isSequential: order == .sequential,
            branches: checked)
    }

    private static func readBranches(_ reader: inout JSONReader) throws(JSONDefect) -> [Written] {
        var branches: [Written] = []
        try reader.readArray(atMost: Self.mostBranches) { reader throws(JSONDefect) in
            var branch = Written(path: reader.currentPath)
            try reader.readObject(Self.branchMembers) { reader, index throws(JSONDefect) in
                switch index {
                case 0: branch.name = try reader.readString()
                case 1, 2, 3: branch.urls[index - 1] = try reader.readString()
                case 4: branch.timeout = try reader.readDuration(in: StepPolicy.timeouts).clampedMilliseconds
                default: branch.retry = try HTTPRetry.read(&reader)
                }
            }
            branches.append(branch)
        }
        return branches
    }

    private static func check(
        _ written: Written, _ rules: AddressRules, _ names: inout Set<String>
    ) throws(Problem) -> HTTPTransfer.Branch {
        guard let name = written.name else { throw .missing("\(written.path).name") }
        do throws(InvalidName) {
            // The steps are called after the branch.
            _ = try StepName(name)
            _ = try StepName("\(name)/confirm")
        } catch {
            throw Problem(.invalidName, "\(written.path).name is refused: \(error)")
        }
        guard names.insert(name).inserted else {
            throw Problem(
                .invalidRequest, "\(written.path).name is refused: there are two branches \(NameRules.quoted(name))")
        }
        let shown = "the branch \(NameRules.quoted(name))"
        var urls: [String] = []
        for (member, url) in zip(["try", "confirm", "cancel"], written.urls) {
            guard let url else {
                throw Problem(.invalidRequest, "\(written.path).\(member) is missing: \(shown) needs all three")
            }
            try rules.check(url, as: member, of: shown)
            urls.append(url)
        }
        try HTTPRetry.check(written.timeout, written.retry, of: shown)
        return HTTPTransfer.Branch(
            name: name, attempt: urls[0], confirm: urls[1], cancel: urls[2], timeout: written.timeout,
            retry: written.retry)
    }
}
