public import ColonyCore
public import ColonyQueues

/// A message that waits in an outbox.
public struct OutboxMessage: Hashable, Sendable {
    /// Its place in the outbox; of one outbox no two messages have the same, and later ones have greater numbers.
    public let number: Int64
    /// What it is known by wherever it goes; 128 random bits in hexadecimal digits, so that no restored backup gives one twice.
    public let identity: String
    /// Where it goes.
    public let queue: QueueName
    /// What was added.
    public let content: OutgoingMessage
    /// When it was added, by the civil clock of who did.
    public let addedAt: WallTime

    /// Puts the parts together; for stores.
    public init(number: Int64, identity: String, queue: QueueName, content: OutgoingMessage, addedAt: WallTime) {
        self.number = number
        self.identity = identity
        self.queue = queue
        self.content = content
        self.addedAt = addedAt
    }

    /// The header that carries ``identity`` to the consumer; see `Delivery.identity`.
    public static let identityHeader = "colony-message"

    /// The number of characters of an ``identity``.
    package static let identityLength = 32

    /// The message as it is published: known by its identity, and with what is left of its delay.
    ///
    /// A deduplication identifier of the caller's own stays. Without one, a message that may be published again gets its identity; one that is
    /// moved within a transaction comes once and costs the queue no memory. What a delay has left is taken from the civil clock, and is between nothing and all of
    /// it whatever that clock does.
    package func outgoing(at now: WallTime, mayComeAgain: Bool = true) -> OutgoingMessage {
        var message = self.content
        message.headers[Self.identityHeader] = self.identity
        if mayComeAgain, message.deduplicationID == nil { message.deduplicationID = self.identity }
        if case .after(let delay) = message.availability {
            let (passed, overflow) = now.millisecondsSince1970.subtractingReportingOverflow(
                self.addedAt.millisecondsSince1970)
            let waited: Duration = overflow ? .zero : .milliseconds(max(0, passed))
            message.availability = .after(max(.zero, delay - waited))
        }
        return message
    }

    /// Refuses what no queue would take once it is on its way, before it is written down.
    ///
    /// - Throws: ``TransactionError`` with `tooLarge` or `invalidRequest`, quoting the value.
    package static func check(_ message: OutgoingMessage) throws(TransactionError) {
        var message = message
        message.headers[Self.identityHeader] = String(repeating: "0", count: Self.identityLength)
        // A database would end the text there.
        for (name, value) in message.headers where name.utf8.contains(0) || value.utf8.contains(0) {
            throw TransactionError(.invalidRequest, "the header \(name.debugDescription) has a byte of zero")
        }
        do throws(QueueError) {
            try message.validate()
        } catch {
            throw TransactionError(error.code == .tooLarge ? .tooLarge : .invalidRequest, error.message, cause: error)
        }
    }
}

extension Delivery {
    /// What tells this message from every other, also when it was published twice: what an inbox is asked about.
    ///
    /// A message that came through an outbox has the same identity however often it was published; another one that of its number in its
    /// queue and the moment of its publishing, which only its own repeated deliveries have in common.
    public var identity: String {
        self.headers[OutboxMessage.identityHeader] ?? "number \(self.id) of \(self.publishedAt.millisecondsSince1970)"
    }
}
