#if Postgres
import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Something that listens on a port of 127.0.0.1 and is no PostgreSQL: it takes connections and says nothing, or says one thing
/// and hangs up.
final class OddServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let held = Mutex<[Int32]>([])

    /// - Parameter answer: `nil` to say nothing and keep the connections.
    init(answer: String?) throws {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        guard status else { throw Disappointment(description: "no port can be listened on") }
        startThread(named: "odd-server") { [weak self] in
            while true {
                let peer = accept(descriptor, nil, nil)
                if peer < 0 { return }
                guard let self else {
                    close(peer)
                    return
                }
                if let answer {
                    var bytes: [UInt8] = Array(repeating: 0, count: 1_024)
                    _ = recv(peer, &bytes, bytes.count, 0)
                    _ = send(peer, Array(answer.utf8), answer.utf8.count, 0)
                    close(peer)
                } else {
                    self.held.withLock { $0.append(peer) }
                }
            }
        }
    }

    deinit {
        shutdown(self.descriptor, Int32(SHUT_RDWR))
        close(self.descriptor)
        for peer in self.held.withLock({ $0 }) { close(peer) }
    }
}
#endif
