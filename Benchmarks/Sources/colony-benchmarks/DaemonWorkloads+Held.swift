import ColonyCore
import ColonyWorkloads

extension DaemonWorkloads {
    private static let batch = 1_000
    /// A client renews at a third of its lease.
    private static let interval: Duration = .seconds(10)

    /// What many held leases cost the daemon: memory, and the processor time of renewing them all.
    var held: Workload {
        Workload(
            name: "held-100k",
            title: "a daemon on SQLite with 100,000 held leases of 30 s, each renewed every 10 s in batches of 1,000: "
                + "its memory; the share of one core is the processor time of a round of renewals over 10 s",
            target: .atMost(150, "MiB")
        ) { workload, options in
            let total = max(Self.batch, options.count(100_000) / Self.batch * Self.batch)
            return try ScratchFolder.blocking(in: options.directory) { folder in
                let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
                defer { daemon.stop() }
                let tokens = try HeldLeases.acquire(total, port: daemon.port) { share in
                    options.progress(workload.name, share / 2)
                }
                let rounds = 3
                var shares: [Double] = []
                for round in 0...rounds {
                    let before = try daemon.process.processorTime()
                    try HeldLeases.renew(tokens, port: daemon.port, batch: Self.batch)
                    let used = before - (try daemon.process.processorTime())
                    // The first round brings the leases from their long first term to 30 seconds.
                    if round > 0 { shares.append(-(used / Self.interval) * 100) }
                    options.progress(workload.name, 0.5 + Double(round) / Double(rounds) / 2)
                }
                shares.sort()
                return Measurement(
                    workload: workload.name, title: workload.title,
                    figure: try daemon.process.memoryKibibytes("VmRSS") / 1_024, unit: "MiB", count: total,
                    facts: [
                        .init("peak memory", try daemon.process.memoryKibibytes("VmHWM") / 1_024, "MiB"),
                        .init("renewals, share of one core", shares[shares.count / 2], "%"),
                    ],
                    target: workload.target)
            }
        }
    }

    /// The same run seen from the processor, so that each target has a row of its own.
    static func renewals(from held: Measurement) -> Measurement? {
        guard let share = held.facts.first(where: { $0.name == "renewals, share of one core" }) else { return nil }
        return Measurement(
            workload: "held-100k-renewals", title: "the renewals of the same run", figure: share.value,
            unit: "% of a core",
            count: held.count, target: .atMost(20, "% of a core"))
    }
}

/// Taking and renewing very many leases through HTTP.
enum HeldLeases {
    /// Acquires `count` leases over a few connections in turn; their first term outlasts the acquisition of the others.
    static func acquire(_ count: Int, port: UInt16, progress: (Double) -> Void) throws -> [UInt64] {
        let load = try AcquireLoad(port: port, connections: 64)
        return try load.run(count, progress: progress)
    }

    static func renew(_ tokens: [UInt64], port: UInt16, batch: Int) throws {
        let client = try HTTPClient(port: port)
        for start in stride(from: 0, to: tokens.count, by: batch) {
            let range = start..<min(tokens.count, start + batch)
            let leases = range.map { number in
                #"{"name":"held/\#(number)","owner":"holder-\#(number)","token":\#(tokens[number]),"ttl_ms":30000}"#
            }
            let body = #"{"leases":["# + leases.joined(separator: ",") + "]}"
            let answer = try client.ask(HTTPMessage.post("/v1/locks/renew", body))
            let text = String(decoding: answer.body, as: UTF8.self)
            guard answer.status == 200, !text.contains("false") else {
                throw WorkloadError("a batch of renewals was refused: \(answer.status) \(text.prefix(300))")
            }
        }
    }
}

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Many connections that acquire one lease after the other and keep them.
final class AcquireLoad {
    private var sockets: [ClientSocket]
    private var buffers: [[UInt8]]

    init(port: UInt16, connections: Int) throws {
        self.sockets = try (0..<connections).map { _ in try ClientSocket(port: port) }
        self.buffers = Array(repeating: [], count: connections)
    }

    func run(_ count: Int, progress: (Double) -> Void) throws -> [UInt64] {
        var tokens = [UInt64](repeating: 0, count: count)
        var under = [Int?](repeating: nil, count: self.sockets.count)
        var next = 0
        var done = 0
        func send(_ index: Int) throws {
            guard next < count else {
                under[index] = nil
                return
            }
            under[index] = next
            let body = #"{"owner":"holder-\#(next)","ttl_ms":600000}"#
            try self.sockets[index].send(HTTPMessage.post("/v1/locks/held%2F\(next)/acquire", body))
            next += 1
        }
        for index in self.sockets.indices { try send(index) }
        var polled = self.sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        while done < count {
            guard poll(&polled, nfds_t(polled.count), 10_000) > 0 else {
                if errno == EINTR { continue }
                throw WorkloadError("the server has not answered for 10 seconds")
            }
            for index in polled.indices where polled[index].revents != 0 {
                try self.sockets[index].receive(into: &self.buffers[index])
                guard let answer = try HTTPMessage.answer(in: self.buffers[index]), let number = under[index] else {
                    continue
                }
                guard answer.status == 200 else {
                    throw WorkloadError("the server refused: \(HTTPMessage.text(self.buffers[index], answer))")
                }
                tokens[number] = try HTTPMessage.token(in: self.buffers[index], answer)
                self.buffers[index].removeAll(keepingCapacity: true)
                done += 1
                if done % 1_000 == 0 { progress(Double(done) / Double(count)) }
                try send(index)
            }
        }
        return tokens
    }
}
