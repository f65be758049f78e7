import ColonyCore
import ColonyTransactions
import NIOCore

/// What the bodies that begin a transaction have in common.
struct StartRequest {
    var id: TransactionID?
    var name: DefinitionName
    var payload: [UInt8]
    /// Of the whole.
    var timeout: Int64?
    /// How long the answer may wait for the end; `nil` for not at all.
    var wait: Duration?

    /// How long a transaction may take.
    static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(365 * 86_400)

    static let members: [StaticString] = ["id", "name", "payload", "timeout_ms", "wait_ms"]

    /// Reads the body, in which there are members of one kind of transaction besides.
    ///
    /// - Parameter other: Called with the index of such a member in `others`; it reads the value.
    init(
        _ body: ByteBuffer, limits: DaemonConfiguration.Limits, others: [StaticString],
        _ other: (inout JSONReader, Int) throws(JSONDefect) -> Void
    ) throws(Problem) {
        var id: TransactionID?
        var name: DefinitionName?
        var payload = HTTPPayload.none
        var timeout: Int64?
        var wait: Duration?
        try body.readJSON(Self.members + others) { reader, index throws(JSONDefect) in
            switch index {
            case 0: id = try reader.readName { text throws(InvalidName) in try TransactionID(text) }
            case 1:
                name = try reader.readName { text throws(InvalidName) in
                    let most = limits.nameBytes
                    guard text.utf8.count <= most || text.utf8.count > NameRules.maximumBytes else {
                        throw InvalidName(
                            role: DefinitionName.role, value: text,
                            reason: "it has \(text.utf8.count) bytes, and this server takes \(most)")
                    }
                    return try DefinitionName(text)
                }
            case 2: payload = try reader.readVerbatim()
            case 3: timeout = try reader.readDuration(in: Self.timeouts).clampedMilliseconds
            case 4: wait = try reader.readDuration(in: .zero...limits.wait)
            default: try other(&reader, index - Self.members.count)
            }
        }
        guard let name else { throw .missing("name") }
        self.id = id
        self.name = name
        self.payload = payload
        self.timeout = timeout
        self.wait = wait
    }
}

extension JSONReader {
    mutating func readName<Name>(_ make: (String) throws(InvalidName) -> Name) throws(JSONDefect) -> Name {
        let text = try self.readString()
        do throws(InvalidName) {
            return try make(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }
}
