import ColonyWorkloads

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A TCP connection to a server on this host, on bare system calls, so that the load costs as little as it can of the
/// processor that it shares with the server.
final class ClientSocket {
    let descriptor: Int32

    init(port: UInt16) throws {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Self.failure("connect to 127.0.0.1:\(port)") }
        // Requests are small and each is answered before the next, so nothing may wait to be sent with more.
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(self.descriptor)
    }

    /// Sends all of `bytes`; blocks while the kernel's buffer is full.
    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                #if canImport(Darwin)
                write(self.descriptor, buffer.baseAddress! + sent, buffer.count - sent)
                #else
                Glibc.send(
                    self.descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
                #endif
            }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Self.failure("send")
            }
            sent += count
        }
    }

    /// Appends what has arrived to `buffer`; blocks if nothing has.
    func receive(into buffer: inout [UInt8]) throws {
        let chunk = 16_384
        let filled = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: chunk))
        let count = buffer.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress! + filled, chunk, 0) }
        let received = max(0, count)
        buffer.removeLast(chunk - received)
        guard count > 0 else {
            if count < 0, errno == EINTR { return }
            throw WorkloadError(
                count == 0
                    ? "the server closed a connection" : "recv failed: \(String(cString: strerror(errno)))")
        }
    }

    /// A port that nobody listens on at this moment.
    static func freePort() throws -> UInt16 {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
            }
        }
        guard status == 0 else { throw Self.failure("bind") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func failure(_ call: String) -> WorkloadError {
        WorkloadError("\(call) failed: \(String(cString: strerror(errno)))")
    }
}
