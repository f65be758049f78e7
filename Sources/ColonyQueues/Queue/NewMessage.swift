/// A typed message on its way into a ``MessageQueue``.
public struct NewMessage<Payload: Sendable>: Sendable {
    /// What is delivered.
    public var payload: Payload
    /// Messages with the same key are delivered in the order of publishing, one at a time.
    public var key: String?
    /// From 0 to 9; higher ones are delivered first.
    public var priority: Int
    /// From when on it may be delivered.
    public var availability: OutgoingMessage.Availability
    /// A second message with the same identifier is not stored within the window of the queue.
    public var deduplicationID: String?
    /// Names and values for people and programs.
    public var headers: [String: String]

    /// Makes a message.
    public init(
        _ payload: Payload, key: String? = nil, priority: Int = 4, availability: OutgoingMessage.Availability = .now,
        deduplicationID: String? = nil, headers: [String: String] = [:]
    ) {
        self.payload = payload
        self.key = key
        self.priority = priority
        self.availability = availability
        self.deduplicationID = deduplicationID
        self.headers = headers
    }
}

extension NewMessage {
    /// The message as bytes, with the trace of the current task.
    ///
    /// - Parameter place: Where it is going, for the error.
    func encoded(by codec: PayloadCodec<Payload>, for place: String) throws(QueueError) -> OutgoingMessage {
        let body: [UInt8]
        do {
            body = try codec.encode(self.payload)
        } catch {
            throw QueueError(.invalidRequest, "a payload for \(place) cannot be encoded", cause: error)
        }
        var encoded = OutgoingMessage(
            body, key: self.key, priority: self.priority, availability: self.availability,
            deduplicationID: self.deduplicationID, headers: self.headers)
        TraceHeaders.inject(into: &encoded.headers)
        try encoded.validate()
        return encoded
    }
}

/// A typed message as a handler gets it.
public struct ReceivedMessage<Payload: Sendable>: Sendable {
    /// What was published.
    public let payload: Payload
    /// The rest of what is known of it, its receipt included.
    public let delivery: Delivery

    /// The number of the message.
    public var id: MessageID { self.delivery.id }
    /// How often it was handed out, this time included.
    public var attempt: Int { self.delivery.attempt }
    /// The key that it was published with.
    public var key: String? { self.delivery.key }
    /// What it was published with.
    public var headers: [String: String] { self.delivery.headers }
}
