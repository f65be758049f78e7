import Foundation
import RealServers
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Debian's nginx as a reverse proxy before itself, on free ports of 127.0.0.1 and in a folder of its own; killed when the
/// last reference to it goes.
final class NginxProcess: Sendable {
    let port: UInt16
    /// The server behind the proxy.
    let originPort: Int
    private let folder: TemporaryFolder
    private let process: ServerProcess

    static let path = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Whether the tests can run. Without nginx they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if NginxProcess.path != nil || InstalledPrograms.isMissingAnError { return true }
        print("skipped: nginx is not installed (Debian's package is nginx-light)")
        return false
    }()

    /// Starts it, and waits until it answers.
    ///
    /// - Parameter origin: What the server behind it does; `GET /` must be 200.
    init(origin: String = "location / { return 200; }") throws {
        let ports = try FreePort.take(2)
        self.originPort = ports[1]
        self.port = UInt16(ports[0])
        self.folder = try TemporaryFolder("nginx")
        let path = self.folder.path
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(path)/\($0);" }
        let settings = """
            daemon off;
            master_process off;
            pid \(path)/nginx.pid;
            error_log \(path)/error.log crit;
            events { worker_connections 128; }
            http {
                access_log off;
                \(places.joined(separator: " "))
                client_header_timeout 2s;
                client_body_timeout 2s;
                server {
                    listen 127.0.0.1:\(ports[0]);
                    location / { proxy_pass http://127.0.0.1:\(ports[1]); proxy_http_version 1.1; }
                }
                server {
                    listen 127.0.0.1:\(ports[1]);
                    \(origin)
                }
            }
            """
        try settings.write(toFile: "\(path)/nginx.conf", atomically: true, encoding: .utf8)
        let program = try #require(Self.path, "nginx is not installed")
        self.process = ServerProcess(
            "nginx",
            ServerProcess.Command(
                program, ["-p", path, "-c", "\(path)/nginx.conf", "-e", "\(path)/error.log"], in: path))
        try self.process.start()
        let deadline = Date.now.addingTimeInterval(30)
        while (try? self.statuses(answering: Array("GET / HTTP/1.0\r\n\r\n".utf8))) != [200] {
            guard self.process.isRunning, Date.now < deadline else {
                throw ServerFailure("nginx does not answer: \(self.process.complaint)")
            }
            _ = poll(nil, 0, 20)
        }
    }

    /// Sends bytes on a connection of their own, and gives the statuses of all answers up to its end.
    ///
    /// The answers of this nginx have no text in which a status line could stand.
    func statuses(answering bytes: [UInt8]) throws -> [Int] {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = self.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw ServerFailure("port \(self.port): \(String(cString: strerror(errno)))") }
        // Never wait for ever: a test that hangs says less than one that fails.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw ServerFailure("nothing can be sent")
        }
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &part, part.count, 0)
            guard count > 0 else { break }
            answer += part[..<count]
        }
        return String(decoding: answer, as: UTF8.self).split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }
    }
}
