import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

/// A port whose queue of connections is full, so that the system answers nobody else: a black hole on this host.
final class FullListener {
    let port: Int
    private var sockets: [CInt] = []

    init() throws {
        #if canImport(Glibc)
        let stream = CInt(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        try #require(listener >= 0)
        self.sockets = [listener]
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 0) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        try #require(bound)
        // Nobody accepts them. Two are more than a queue of length zero takes; the others wait for an answer as the probe will.
        for _ in 0..<4 {
            let client = socket(AF_INET, stream, 0)
            self.sockets.append(client)
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            _ = withUnsafePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) }
            }
        }
    }

    deinit {
        for socket in self.sockets { close(socket) }
    }
}
