import ColonyCore
import ColonyQueues

/// The members of one message in a request, read in one pass.
struct MessageFields {
    /// The most common first, since names are compared in this order.
    static let members: [StaticString] = [
        "body", "key", "delay_ms", "priority", "dedup_id", "headers", "body_base64", "at",
    ]

    private var message = OutgoingMessage([])
    private var bodies = 0
    private var times = 0

    /// Reads the value of the member at `index` of ``members``.
    mutating func read(_ reader: inout JSONReader, _ index: Int) throws(JSONDefect) {
        switch index {
        case 0:
            self.message.body = try reader.readText()
            self.bodies += 1
        case 1: self.message.key = try reader.readString()
        case 2:
            self.message.availability = .after(try reader.readDuration(in: .zero...MessageLimits.delay))
            self.times += 1
        case 3:
            let number = try reader.readSigned()
            guard let priority = Int(exactly: number), MessageLimits.priorities.contains(priority) else {
                throw .outOfRange(path: reader.currentPath, reason: "\(number) is not from 0 to 9")
            }
            self.message.priority = priority
        case 4: self.message.deduplicationID = try reader.readString()
        case 5: self.message.headers = try reader.readStrings(atMost: MessageLimits.headers)
        case 6:
            self.message.body = try reader.readBase64()
            self.bodies += 1
        default:
            let text = try reader.readString()
            guard let time = WallTime(rfc3339: text) else {
                throw .outOfRange(
                    path: reader.currentPath,
                    reason: "\(NameRules.quoted(text)) is no time as RFC 3339 writes it, such as 2030-01-31T08:00:00Z")
            }
            self.message.availability = .at(time)
            self.times += 1
        }
    }

    /// The message, once all its members are read.
    func finished(_ reader: JSONReader) throws(JSONDefect) -> OutgoingMessage {
        if self.bodies == 0 { throw reader.missing("body") }
        if self.bodies > 1 {
            throw .outOfRange(path: reader.currentPath, reason: "it has both a body and a body_base64")
        }
        if self.times > 1 { throw .outOfRange(path: reader.currentPath, reason: "it has both a delay_ms and an at") }
        do throws(QueueError) {
            try self.message.validate()
        } catch {
            if error.code == .tooLarge { throw .tooLarge(path: reader.currentPath, reason: error.message) }
            throw .outOfRange(path: reader.currentPath, reason: error.message)
        }
        return self.message
    }
}

extension JSONReader {
    /// Reads one message.
    mutating func readMessage() throws(JSONDefect) -> OutgoingMessage {
        var fields = MessageFields()
        try self.readObject(MessageFields.members) { reader, index throws(JSONDefect) in
            try fields.read(&reader, index)
        }
        return try fields.finished(self)
    }

    /// Reads the name of a queue.
    mutating func readQueueName(atMost maximumBytes: Int) throws(JSONDefect) -> QueueName {
        let text = try self.readString()
        guard text.utf8.count <= maximumBytes || text.utf8.count > NameRules.maximumBytes else {
            throw .invalidName(
                path: self.currentPath,
                reason: "\(NameRules.quoted(text)) has \(text.utf8.count) bytes, and this server takes \(maximumBytes)")
        }
        do throws(InvalidName) {
            return try QueueName(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }

    /// Reads a list of the numbers of messages.
    mutating func readMessageIDs(atMost limit: Int) throws(JSONDefect) -> [MessageID] {
        var ids: [MessageID] = []
        try self.readArray(atMost: limit) { reader throws(JSONDefect) in
            ids.append(MessageID(rawValue: try reader.readNumber(in: 1...Int64.max)))
        }
        return ids
    }

    /// Reads a whole number in a range.
    mutating func readNumber(in range: ClosedRange<Int64>) throws(JSONDefect) -> Int64 {
        let number = try self.readSigned()
        guard range.contains(number) else {
            throw .outOfRange(
                path: self.currentPath, reason: "\(number) is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
