import ColonyCore
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Writes events to one client as server-sent events.
///
/// - SeeAlso: WHATWG, *HTML Living Standard*, section 9.2.
struct EventStream {
    /// How long a stream may stay silent before a comment shows that it is alive.
    static let heartbeat: Duration = .seconds(15)

    let hub: EventHub
    let clock: any MonotonicClock

    static func head(date: String) -> HTTPResponse {
        HTTPResponse(
            status: .ok,
            headerFields: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .date: date,
                // Tells reverse proxies of the nginx kind not to collect the stream.
                Self.accelBuffering: "no",
            ])
    }

    private static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!

    /// Writes until the client goes away or the hub closes.
    @concurrent
    func write(_ subscription: EventHub.Subscription, to writer: inout some ResponseBodyWriter) async throws {
        // A first event makes the client read what it missed while it was not connected.
        var told = self.hub.changes
        try await writer.write(ByteBuffer(string: "retry: 2000\n" + EventHub.Subject.allCases.map(Self.text(of:)).joined()))
        for await message in Self.withHeartbeats(subscription.events, clock: self.clock) {
            switch message {
            case .change:
                let changes = self.hub.changes
                let text = changes.subjects(since: told).map(Self.text(of:)).joined()
                told = changes
                if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
            case .heartbeat: try await writer.write(ByteBuffer(string: ": alive\n\n"))
            }
        }
    }

    private static func text(of subject: EventHub.Subject) -> String { "event: \(subject.rawValue)\ndata: {}\n\n" }

    enum Message { case change, heartbeat }

    /// Changes and heartbeats as one stream.
    static func withHeartbeats(_ events: AsyncStream<Void>, clock: any MonotonicClock) -> AsyncStream<Message> {
        let (stream, continuation) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingNewest(2))
        let changes = Task {
            for await _ in events { continuation.yield(.change) }
            continuation.finish()
        }
        let heartbeats = Task {
            while (try? await clock.sleep(for: Self.heartbeat)) != nil { continuation.yield(.heartbeat) }
        }
        continuation.onTermination = { _ in
            changes.cancel()
            heartbeats.cancel()
        }
        return stream
    }
}
