import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A service that takes part in transactions, and answers as a test says: byte by byte if need be.
final class TestParticipant: Sendable {
    /// A call as it came.
    struct Call: Sendable {
        let path: String
        /// By their names in lower case.
        let headers: [String: String]
        let body: String
        /// How many calls of this path there have been, from 1.
        let count: Int
    }

    enum Reply: Sendable {
        case status(Int, String = "", type: String = "application/json", headers: [String] = [])
        /// Exactly these bytes.
        case bytes(String, thenCloses: Bool)
        case silence
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let participant: TestParticipant
        private var text = ""

        init(_ participant: TestParticipant) { self.participant = participant }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.text += String(buffer: self.unwrapInboundIn(data))
            guard let end = self.text.firstRange(of: "\r\n\r\n") else { return }
            let lines = self.text[..<end.lowerBound].split(separator: "\r\n")
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                headers[parts[0].lowercased()] = parts.count == 2 ? String(parts[1].dropFirst()) : ""
            }
            let body = String(self.text[end.upperBound...])
            guard body.utf8.count >= headers["content-length"].flatMap(Int.init) ?? 0 else { return }
            let path = String(lines[0].split(separator: " ")[1])
            self.text = ""
            self.send(self.participant.take(path, headers, body), context)
        }

        private func send(_ reply: Reply, _ context: ChannelHandlerContext) {
            var text = ""
            var isLast = false
            switch reply {
            case .status(let status, let body, let type, let headers):
                let others = headers.map { "\($0)\r\n" }.joined()
                text =
                    "HTTP/1.1 \(status) It\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\(others)"
                    + "\r\n\(body)"
            case .bytes(let bytes, let thenCloses):
                text = bytes
                isLast = thenCloses
            case .silence: return
            }
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            if isLast { context.close(promise: nil) }
        }
    }

    private let answer: @Sendable (Call) -> Reply
    private let calls = Mutex<[Call]>([])
    private let listener = Mutex<(any Channel)?>(nil)

    private init(_ answer: @escaping @Sendable (Call) -> Reply) {
        self.answer = answer
    }

    static func start(_ answer: @escaping @Sendable (Call) -> Reply = { _ in .status(200) }) async throws
        -> TestParticipant
    {
        let participant = TestParticipant(answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(participant))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        participant.listener.withLock { $0 = channel }
        return participant
    }

    deinit { self.listener.withLock { $0 }?.close(promise: nil) }

    var port: Int { self.listener.withLock { $0?.localAddress?.port ?? 0 } }
    var url: String { "http://127.0.0.1:\(self.port)" }

    /// What was asked for, in order.
    var all: [Call] { self.calls.withLock { $0 } }
    var paths: [String] { self.all.map(\.path) }

    private func take(_ path: String, _ headers: [String: String], _ body: String) -> Reply {
        let call = self.calls.withLock { calls in
            let count = calls.count { $0.path == path } + 1
            calls.append(Call(path: path, headers: headers, body: body, count: count))
            return calls[calls.count - 1]
        }
        return self.answer(call)
    }

    // MARK: Sagas

    /// A step that can be undone, as JSON; waits are short.
    func step(_ name: String, _ more: String = "") -> String {
        self.forward(name, #","compensation":"\#(self.url)/un\#(name)""# + more)
    }

    /// A step with nothing to undo it.
    func forward(_ name: String, _ more: String = "") -> String {
        #"{"name":"\#(name)","action":"\#(self.url)/\#(name)","retry":{"initial_ms":1,"maximum_ms":5}\#(more)}"#
    }
}

extension TestServer {
    /// Begins a saga and waits for its end.
    func saga(_ id: String, _ steps: String..., more: String = "") async throws -> Reply {
        try await self.post(
            "/v1/sagas",
            #"{"id":"\#(id)","name":"test","wait_ms":20000\#(more),"steps":[\#(steps.joined(separator: ","))]}"#)
    }

    /// The entries of a transaction, each as its event and its step.
    func entries(of id: String) async throws -> [String] {
        let reply = try await self.send(.GET, "/v1/sagas/\(id)")
        let entries = reply.json["entries"] as? [[String: Any]] ?? []
        return entries.map { entry in
            [entry["event"], entry["step"]].compactMap { $0 as? String }.joined(separator: " ")
        }
    }

    /// Waits until a transaction is in a state.
    func reaches(_ state: String, _ id: String) async throws {
        try await eventually("\(id) is \(state)") {
            try await self.send(.GET, "/v1/sagas/\(id)").json["state"] as? String == state
        }
    }
}
