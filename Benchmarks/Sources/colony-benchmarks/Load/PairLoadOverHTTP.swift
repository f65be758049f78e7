import ColonyCore
import ColonyWorkloads

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Many connections on one thread, each of which acquires and releases a lock of its own, over and over.
///
/// Each connection has one request under way at a time, as a client that needs the lock has. One thread with `poll`
/// serves them all: a thread per connection would take more of the processor than the requests do.
final class PairLoadOverHTTP {
    private struct Connection {
        let socket: ClientSocket
        let acquire: [UInt8]
        let releasePath: String
        let owner: String
        var buffer: [UInt8] = []
        var isReleasing = false
        var started = MonotonicInstant(nanoseconds: 0)
    }

    private var connections: [Connection]
    private let clock: any MonotonicClock
    private var pairs = 0
    private var samples: [Duration] = []

    /// Connects.
    init(port: UInt16, connections: Int, clock: any MonotonicClock) throws {
        self.clock = clock
        self.connections = try (0..<connections).map { number in
            Connection(
                socket: try ClientSocket(port: port),
                acquire: HTTPMessage.post(
                    "/v1/locks/bench-\(number)/acquire", #"{"owner":"client-\#(number)","ttl_ms":30000}"#),
                releasePath: "/v1/locks/bench-\(number)/release",
                owner: "client-\(number)")
        }
    }

    struct Outcome {
        var pairs: Int
        var time: Duration
        var samples: [Duration]

        var rate: Double {
            Double(self.pairs)
                / (Double(self.time.components.attoseconds) / 1e18 + Double(self.time.components.seconds))
        }
    }

    /// Works for `duration`, and then until each pair under way is finished. Those do not count.
    func run(for duration: Duration) throws -> Outcome {
        self.pairs = 0
        self.samples = []
        let start = self.clock.now
        let end = start.advanced(by: duration)
        for index in self.connections.indices { try self.begin(index, at: start) }
        var polled = self.connections.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        var counted: (pairs: Int, time: Duration)?
        var open = self.connections.count
        while open > 0 {
            guard poll(&polled, nfds_t(polled.count), 10_000) > 0 else {
                if errno == EINTR { continue }
                throw WorkloadError("the server has not answered for 10 seconds")
            }
            let now = self.clock.now
            if counted == nil, now >= end { counted = (self.pairs, start.duration(to: now)) }
            for index in polled.indices where polled[index].revents != 0 {
                guard try self.advance(index, isOver: counted != nil) else { continue }
                polled[index].fd = -1
                open -= 1
            }
        }
        let (pairs, time) = counted ?? (self.pairs, start.duration(to: self.clock.now))
        return Outcome(pairs: pairs, time: time, samples: self.samples)
    }

    private func begin(_ index: Int, at now: MonotonicInstant) throws {
        self.connections[index].started = now
        self.connections[index].isReleasing = false
        try self.connections[index].socket.send(self.connections[index].acquire)
    }

    /// Takes what has arrived, and goes on if it is a whole answer.
    ///
    /// - Returns: Whether the connection is done for this run.
    private func advance(_ index: Int, isOver: Bool) throws -> Bool {
        let socket = self.connections[index].socket
        try socket.receive(into: &self.connections[index].buffer)
        guard let answer = try HTTPMessage.answer(in: self.connections[index].buffer) else { return false }
        guard answer.status == 200 else {
            throw WorkloadError("the server refused: \(HTTPMessage.text(self.connections[index].buffer, answer))")
        }
        if self.connections[index].isReleasing {
            self.connections[index].buffer.removeAll(keepingCapacity: true)
            let now = self.clock.now
            self.pairs += 1
            self.samples.append(self.connections[index].started.duration(to: now))
            if isOver { return true }
            try self.begin(index, at: now)
        } else {
            let token = try HTTPMessage.token(in: self.connections[index].buffer, answer)
            self.connections[index].buffer.removeAll(keepingCapacity: true)
            self.connections[index].isReleasing = true
            let body = #"{"owner":"\#(self.connections[index].owner)","token":\#(token)}"#
            try socket.send(HTTPMessage.post(self.connections[index].releasePath, body))
        }
        return false
    }
}
