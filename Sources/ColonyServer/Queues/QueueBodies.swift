import ColonyCore
import ColonyQueues
import NIOCore

/// The bodies that the routes of queues take, read strictly.
struct PublishRequest {
    var messages: [OutgoingMessage]
    /// How long to wait for room.
    var wait: Duration

    private static let members: [StaticString] = ["messages", "wait_ms"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var messages: [OutgoingMessage]?
        var wait: Duration = .zero
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            if index == 0 {
                var list: [OutgoingMessage] = []
                try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                    list.append(try reader.readMessage())
                }
                messages = list
            } else {
                wait = try reader.readDuration(in: .zero...limits.wait)
            }
        }
        guard let messages else { throw .missing("messages") }
        self.messages = messages
        self.wait = wait
    }
}

struct ReceiveRequest {
    var max = 1
    /// How long the messages are leased; `nil` for as long as the queue says.
    var lease: Duration?
    /// How long to wait for a first message.
    var wait: Duration = .zero

    private static let members: [StaticString] = ["max", "lease_ms", "wait_ms"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        if body.readableBytes == 0 { return }
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: self.max = Int(try reader.readNumber(in: 1...Int64(limits.batch)))
            case 1: self.lease = try reader.readDuration(in: MessageLimits.lease)
            default: self.wait = try reader.readDuration(in: .zero...limits.wait)
            }
        }
    }
}

struct SettleRequest {
    var settlements: [Settlement] = []
    /// Which of them are to rest for as long as the queue says.
    var restless: [Int] = []

    private static let members: [StaticString] = ["ack", "reject", "extend", "hand_back"]
    private static let rejectMembers: [StaticString] = ["receipt", "delay_ms", "reason", "dead_letter"]
    private static let extendMembers: [StaticString] = ["receipt", "lease_ms"]

    /// What a consumer is taken to have said that has said nothing.
    private static let silence = "rejected"

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                switch index {
                case 0: self.settlements.append(Settlement(try reader.readReceipt(), .acknowledge))
                case 1: try self.readReject(&reader)
                case 2: self.settlements.append(try Self.readExtend(&reader))
                default: self.settlements.append(Settlement(try reader.readReceipt(), .handBack))
                }
            }
        }
        guard self.settlements.count <= limits.batch else {
            throw Problem(
                .invalidRequest,
                "\(self.settlements.count) receipts are in the request, and \(limits.batch) are the most")
        }
    }

    private mutating func readReject(_ reader: inout JSONReader) throws(JSONDefect) {
        var receipt: Receipt?
        var rest: Duration?
        var reason = Self.silence
        var isDead = false
        try reader.readObject(Self.rejectMembers) { reader, index throws(JSONDefect) in
            switch index {
            case 0: receipt = try reader.readReceipt()
            case 1: rest = try reader.readDuration(in: .zero...MessageLimits.delay)
            case 2:
                reason = try reader.readString()
                guard reason.unicodeScalars.count <= MessageLimits.reasonLength else {
                    throw .outOfRange(
                        path: reader.currentPath,
                        reason:
                            "it has \(reason.unicodeScalars.count) characters, and \(MessageLimits.reasonLength) are the most"
                    )
                }
            default: isDead = try reader.readBool()
            }
        }
        guard let receipt else { throw reader.missing("receipt") }
        if isDead {
            guard rest == nil else {
                throw .outOfRange(path: reader.currentPath, reason: "it has a delay_ms, and dead_letter is true")
            }
            self.settlements.append(Settlement(receipt, .deadLetter(reason: reason)))
        } else {
            if rest == nil { self.restless.append(self.settlements.count) }
            self.settlements.append(Settlement(receipt, .retry(after: rest ?? .zero, reason: reason)))
        }
    }

    private static func readExtend(_ reader: inout JSONReader) throws(JSONDefect) -> Settlement {
        var receipt: Receipt?
        var lease: Duration?
        try reader.readObject(Self.extendMembers) { reader, index throws(JSONDefect) in
            if index == 0 {
                receipt = try reader.readReceipt()
            } else {
                lease = try reader.readDuration(in: MessageLimits.lease)
            }
        }
        guard let receipt else { throw reader.missing("receipt") }
        guard let lease else { throw reader.missing("lease_ms") }
        return Settlement(receipt, .extend(lease))
    }
}

/// Which dead letters, or which messages.
struct SelectionRequest {
    enum Selection {
        case all
        case these([MessageID])
    }

    var selection: Selection
    /// Where dead letters go; `nil` for where they came from.
    var target: QueueName?
    /// How many a second; `nil` for as fast as it goes.
    var rate: Int?

    static let members: [StaticString] = ["ids", "all", "to", "per_second"]
    /// The fastest rate that can be asked for.
    static let fastest: Int64 = 1_000_000

    /// - Parameter redrives: Whether the members that say where to and how fast are known.
    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits, redrives: Bool) throws(Problem) {
        var ids: [MessageID]?
        var all: Bool?
        var target: QueueName?
        var rate: Int?
        try body.readJSON(redrives ? Self.members : Array(Self.members.prefix(2))) {
            reader, index throws(JSONDefect) in
            switch index {
            case 0: ids = try reader.readMessageIDs(atMost: limits.batch)
            case 1:
                all = try reader.readBool()
                guard all == true else { throw .outOfRange(path: reader.currentPath, reason: "it can only be true") }
            case 2: target = try reader.readQueueName(atMost: limits.nameBytes)
            default: rate = Int(try reader.readNumber(in: 1...Self.fastest))
            }
        }
        self.target = target
        self.rate = rate
        switch (ids, all) {
        case (let ids?, nil): self.selection = .these(ids)
        case (nil, _?): self.selection = .all
        case (nil, nil): throw Problem(.invalidRequest, "ids or all is missing")
        case (_?, _?): throw Problem(.invalidRequest, "both ids and all are there, and one of them is needed")
        }
    }
}

/// The messages to take back.
struct CancelRequest {
    var ids: [MessageID]

    private static let members: [StaticString] = ["ids"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var ids: [MessageID]?
        try body.readJSON(Self.members) { reader, _ throws(JSONDefect) in
            ids = try reader.readMessageIDs(atMost: limits.batch)
        }
        guard let ids else { throw .missing("ids") }
        self.ids = ids
    }
}

extension JSONReader {
    fileprivate mutating func readReceipt() throws(JSONDefect) -> Receipt {
        let text = try self.readString()
        guard let receipt = Receipt(text) else {
            throw .outOfRange(
                path: self.currentPath, reason: "\(NameRules.quoted(text)) is no receipt that this server writes")
        }
        return receipt
    }
}
