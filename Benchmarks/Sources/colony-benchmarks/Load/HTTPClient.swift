import ColonyWorkloads

/// One connection that asks and waits for the answer: for what is not itself measured.
final class HTTPClient {
    private let socket: ClientSocket
    private var buffer: [UInt8] = []

    init(port: UInt16) throws {
        self.socket = try ClientSocket(port: port)
    }

    /// Sends a request and gives the status and the body of its answer.
    func ask(_ request: [UInt8]) throws -> (status: Int, body: [UInt8]) {
        try self.socket.send(request)
        while true {
            if let answer = try HTTPMessage.answer(in: self.buffer) {
                let body = Array(self.buffer[answer.bodyStart..<answer.end])
                self.buffer.removeFirst(answer.end)
                return (answer.status, body)
            }
            try self.socket.receive(into: &self.buffer)
        }
    }
}
