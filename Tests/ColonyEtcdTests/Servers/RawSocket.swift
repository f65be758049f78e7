#if Etcd
#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A connection to 127.0.0.1 without any of the client under test.
final class RawSocket {
    private let descriptor: Int32

    fileprivate static func make() -> Int32 {
        #if canImport(Glibc)
        socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    fileprivate static func address(port: Int) -> sockaddr_in {
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
        guard status == 0 else { throw Disappointment(description: "port \(port) does not accept connections") }
    }

    deinit { close(self.descriptor) }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Self.write(self.descriptor, bytes) == bytes.count else {
            throw Disappointment(description: "nothing can be sent")
        }
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { buffer in
            #if canImport(Darwin)
            Darwin.send(descriptor, buffer.baseAddress, buffer.count, 0)
            #elseif canImport(Musl)
            Musl.send(descriptor, buffer.baseAddress, buffer.count, 0)
            #else
            Glibc.send(descriptor, buffer.baseAddress, buffer.count, 0)
            #endif
        }
    }

    func readToEnd() throws -> String {
        var result: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(self.descriptor, &part, part.count, 0)
            if count <= 0 { return String(decoding: result, as: UTF8.self) }
            result += part[..<count]
        }
    }
}

/// A server that accepts connections into its backlog and never says anything.
final class SilentServer {
    private let descriptor: Int32

    init(port: Int) throws {
        self.descriptor = RawSocket.make()
        var address = RawSocket.address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0, listen(self.descriptor, 16) == 0 else {
            throw Disappointment(description: "port \(port) cannot be listened on")
        }
    }

    deinit { close(self.descriptor) }
}
#endif
