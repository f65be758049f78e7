#if ZooKeeper
#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A connection without the client under test.
final class RawSocket {
    private let descriptor: Int32

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
        // Never wait for ever: a test that hangs says less than one that fails.
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = Self.address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Disappointment(description: "port \(port) does not accept connections") }
    }

    deinit { close(self.descriptor) }

    func write(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard send(self.descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw Disappointment(description: "nothing can be sent")
        }
    }

    /// What comes until the other side closes.
    func readToEnd() throws -> String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(self.descriptor, &part, part.count, 0)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            guard count > 0 else { throw Disappointment(description: "the server does not answer") }
            bytes += part[..<count]
        }
    }
}
#endif
