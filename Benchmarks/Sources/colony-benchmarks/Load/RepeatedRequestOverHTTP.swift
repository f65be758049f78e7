import ColonyCore
import ColonyWorkloads

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Several connections on one thread that send the same request over and over, each after the answer to its last one.
///
/// One thread with `poll` serves them all: a thread per connection would take more of the processor that they share with the server.
final class RepeatedRequestOverHTTP {
    private struct Connection {
        let socket: ClientSocket
        var buffer: [UInt8] = []
        var started = MonotonicInstant(nanoseconds: 0)
    }

    private var connections: [Connection]
    private let request: [UInt8]
    private let clock: any MonotonicClock

    /// Connects.
    init(port: UInt16, connections: Int, request: [UInt8], clock: any MonotonicClock) throws {
        self.request = request
        self.clock = clock
        self.connections = try (0..<connections).map { _ in Connection(socket: try ClientSocket(port: port)) }
    }

    struct Outcome {
        /// How many requests were answered in the time.
        var answers: Int
        var time: Duration
        /// How long each took.
        var samples: [Duration]

        func rate(per count: Int) -> Double { Double(self.answers * count) / (self.time / .seconds(1)) }
    }

    /// Works for `duration`, and then until each request under way is answered. Those do not count.
    ///
    /// - Throws: ``WorkloadError`` with the answer, as soon as one is not 200.
    func run(for duration: Duration) throws -> Outcome {
        var samples: [Duration] = []
        var counted: Outcome?
        let start = self.clock.now
        let end = start.advanced(by: duration)
        for index in self.connections.indices { try self.begin(index, at: start) }
        var polled = self.connections.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        var open = self.connections.count
        while open > 0 {
            guard poll(&polled, nfds_t(polled.count), 10_000) > 0 else {
                if errno == EINTR { continue }
                throw WorkloadError("the server has not answered for 10 seconds")
            }
            for index in polled.indices where polled[index].revents != 0 {
                try self.connections[index].socket.receive(into: &self.connections[index].buffer)
                guard let answer = try HTTPMessage.answer(in: self.connections[index].buffer) else { continue }
                guard answer.status == 200 else {
                    throw WorkloadError(
                        "the server refused: \(HTTPMessage.text(self.connections[index].buffer, answer))")
                }
                self.connections[index].buffer.removeAll(keepingCapacity: true)
                let now = self.clock.now
                if counted == nil, now >= end {
                    counted = Outcome(answers: samples.count, time: start.duration(to: now), samples: samples)
                }
                if counted == nil {
                    samples.append(self.connections[index].started.duration(to: now))
                    try self.begin(index, at: now)
                } else {
                    polled[index].fd = -1
                    open -= 1
                }
            }
        }
        guard let counted, !counted.samples.isEmpty else {
            throw WorkloadError("no request was answered within \(duration)")
        }
        return counted
    }

    private func begin(_ index: Int, at now: MonotonicInstant) throws {
        self.connections[index].started = now
        try self.connections[index].socket.send(self.request)
    }
}
