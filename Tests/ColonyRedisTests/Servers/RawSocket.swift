import ColonyRESP
import RealServers

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A connection to a Redis without any of the client under test, for looking at what is really there.
final class RawSocket {
    private let descriptor: Int32
    private var parser = RESPParser()

    static func make() -> Int32 {
        #if canImport(Glibc)
        socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    init(port: Int) throws {
        self.descriptor = Self.make()
        var address = Self.address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Never wait for ever: a test that hangs says less than one that fails.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard status == 0 else { throw Polling.Disappointment(description: "port \(port) does not accept connections") }
    }

    deinit { close(self.descriptor) }

    /// Sends a command and waits for its answer.
    @discardableResult
    func ask(_ words: String...) throws -> RESPValue {
        try self.ask(words)
    }

    @discardableResult
    func ask(_ words: [String]) throws -> RESPValue {
        var bytes: [UInt8] = []
        RESPCommandEncoding.append(command: words.map { Array($0.utf8) }, to: &bytes)
        guard send(self.descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw Polling.Disappointment(description: "nothing can be sent")
        }
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let value = try self.parser.next() { return value }
            let count = recv(self.descriptor, &part, part.count, 0)
            guard count > 0 else { throw Polling.Disappointment(description: "the connection ended") }
            self.parser.feed(Array(part[..<count]))
        }
    }
}
