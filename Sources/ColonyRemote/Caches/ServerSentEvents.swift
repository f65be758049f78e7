/// One event of a stream of server-sent events.
package struct ServerSentEvent: Equatable {
    package var name: String
    package var data: String

    package init(name: String, data: String) {
        self.name = name
        self.data = data
    }
}

/// Reads server-sent events from the bytes of a stream, however these are cut into parts.
///
/// Fields that only browsers need, such as `retry`, are passed over, and so are comments. Lines end with a line feed, with or
/// without a carriage return before it; a carriage return alone, which the standard allows as well, no daemon sends.
///
/// - SeeAlso: WHATWG, *HTML Living Standard*, section 9.2.6.
package struct ServerSentEventReader {
    /// What one event may have in bytes: a daemon sends no more than 1,000 keys at once, of 250 bytes and escaped.
    package static let maximumBytes = 4 << 20

    private var line: [UInt8] = []
    private var name = ""
    private var data: [UInt8] = []

    package init() {}

    /// A stream that is no stream of events, or not one of a daemon.
    package struct TooLong: Error {}

    /// Takes the next part.
    ///
    /// - Returns: The events that it has completed.
    /// - Complexity: O(*n*) in the bytes of the part.
    package mutating func read(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                self.line.append(byte)
                if self.line.count + self.data.count > Self.maximumBytes { throw TooLong() }
                continue
            }
            if self.line.last == UInt8(ascii: "\r") { self.line.removeLast() }
            if let event = self.endLine() { events.append(event) }
            self.line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        if self.line.isEmpty {
            defer {
                self.name = ""
                self.data.removeAll(keepingCapacity: true)
            }
            if self.name.isEmpty, self.data.isEmpty { return nil }
            return ServerSentEvent(
                name: self.name.isEmpty ? "message" : self.name, data: String(decoding: self.data, as: UTF8.self))
        }
        let colon = self.line.firstIndex(of: UInt8(ascii: ":")) ?? self.line.endIndex
        var value = self.line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if self.line[..<colon].elementsEqual("event".utf8) {
            self.name = String(decoding: value, as: UTF8.self)
        } else if self.line[..<colon].elementsEqual("data".utf8) {
            if !self.data.isEmpty { self.data.append(UInt8(ascii: "\n")) }
            self.data += value
        }
        return nil
    }
}
