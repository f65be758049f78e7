public import ColonyCore

/// A message on its way into a queue.
public struct OutgoingMessage: Hashable, Sendable {
    /// From when on a message may be delivered.
    public enum Availability: Hashable, Sendable {
        /// At once.
        case now
        /// After a delay from when the engine takes the message, by the clock that leases run on: no step of the civil clock makes it
        /// earlier or later. After a restart of the host, whose clock begins anew, what is left is taken from the civil clock.
        case after(Duration)
        /// At a civil time.
        case at(WallTime)
    }

    /// What is delivered; the engine does not look into it.
    public var body: [UInt8]
    /// Messages with the same key are delivered in the order of publishing, one at a time; see
    /// ``QueueSettings/Order/perKey``.
    public var key: String?
    /// From 0 to 9; higher ones are delivered first. Messages of one key keep their order whatever their priorities.
    public var priority: Int
    /// From when on it may be delivered.
    public var availability: Availability
    /// A second message with the same identifier is not stored within ``QueueSettings/deduplicationWindow``.
    public var deduplicationID: String?
    /// Names and values for people and programs; they do not decide about delivery, except through an exchange.
    public var headers: [String: String]

    /// Makes a message.
    public init(
        _ body: [UInt8], key: String? = nil, priority: Int = 4, availability: Availability = .now,
        deduplicationID: String? = nil, headers: [String: String] = [:]
    ) {
        self.body = body
        self.key = key
        self.priority = priority
        self.availability = availability
        self.deduplicationID = deduplicationID
        self.headers = headers
    }
}

/// The legal ranges of what goes into a queue. Engines refuse what lies outside with an error that quotes it.
public enum MessageLimits {
    /// 1 MiB. Larger things belong in a store of files, with their place in the message.
    public static let bodyBytes = 1 << 20
    /// The names and values of all headers of a message together.
    public static let headerBytes = 16 << 10
    /// The most headers of a message.
    public static let headers = 64
    /// The most bytes of UTF-8 in a key or a deduplication identifier.
    public static let keyBytes = 255
    /// The most messages in one call.
    public static let batch = 1_000
    /// The most exchanges of a store that were declared.
    public static let exchanges = 10_000
    /// The most bindings of all exchanges of a store together.
    public static let bindings = 100_000
    /// The most retentions of topics in a store.
    public static let retentions = 1_000
    /// The most schedules of a store.
    public static let schedules = 10_000
    /// The most Unicode scalars in the reason of a settlement, which is kept with the message.
    public static let reasonLength = 1_000
    /// The most failed deliveries that are remembered of a message.
    public static let history = 20
    /// The legal priorities.
    public static let priorities = 0...9
    /// The longest delay: a hundred years of 365 days.
    public static let delay: Duration = .seconds(100 * 365 * 86_400)
    /// The lease of a delivery.
    public static let lease: ClosedRange<Duration> = .milliseconds(10) ... .seconds(86_400)
}

extension OutgoingMessage {
    /// What counts against the bytes of a queue: body, key, and headers.
    ///
    /// - Complexity: O(*n*) in the number of headers.
    public var byteCount: Int {
        self.body.count + (self.key?.utf8.count ?? 0) + self.headerByteCount
    }

    private var headerByteCount: Int {
        self.headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }

    /// Refuses what no queue takes.
    ///
    /// - Throws: ``QueueError`` with `tooLarge` or `invalidRequest`, quoting the value.
    public func validate() throws(QueueError) {
        if self.body.count > MessageLimits.bodyBytes {
            throw QueueError(
                .tooLarge, "a body has at most \(MessageLimits.bodyBytes) bytes, and this one has \(self.body.count)")
        }
        if !MessageLimits.priorities.contains(self.priority) {
            throw QueueError(.invalidRequest, "a priority lies between 0 and 9, and \(self.priority) does not")
        }
        if let key { try Self.check(key, role: "key") }
        if let deduplicationID { try Self.check(deduplicationID, role: "deduplication identifier") }
        if self.headers.count > MessageLimits.headers {
            throw QueueError(
                .tooLarge,
                "a message has at most \(MessageLimits.headers) headers, and this one has \(self.headers.count)")
        }
        if self.headerByteCount > MessageLimits.headerBytes {
            throw QueueError(
                .tooLarge,
                "the headers of a message have at most \(MessageLimits.headerBytes) bytes, and these have "
                    + "\(self.headerByteCount)")
        }
        for name in self.headers.keys { try Self.check(name, role: "header name") }
        if case .after(let delay) = self.availability, delay < .zero || delay > MessageLimits.delay {
            throw QueueError(.invalidRequest, "a delay lies between 0 and 100 years, and \(delay) does not")
        }
    }

    private static func check(_ text: String, role: String) throws(QueueError) {
        guard let defect = NameRules.defect(in: text) else { return }
        throw QueueError(.invalidRequest, "\(NameRules.quoted(text)) cannot be a \(role): \(defect)")
    }
}
