import ColonyBalancing
import Testing

@Suite("Settings of health checks")
struct HealthCheckTests {
    private static func refusal(_ make: () throws -> Void) -> BalancingError? {
        do {
            try make()
            return nil
        } catch {
            return error as? BalancingError
        }
    }

    @Test("the defaults are legal, and the unhealthy interval follows the interval")
    func defaultsAreLegal() throws {
        let check = try HealthCheck("ready", .tcp, interval: .seconds(7))
        #expect(check.unhealthyInterval == .seconds(7))
        #expect(check.rise == 2 && check.fall == 3)
        #expect(try HealthCheck.Kind.http(.init(tls: .init())).label == "https")
    }

    @Test("settings that cannot work are refused, and the value is quoted")
    func badSettingsAreQuoted() {
        let cases: [(String, () throws -> Void)] = [
            ("\"\"", { _ = try HealthCheck("", .tcp) }),
            ("0.0 seconds", { _ = try HealthCheck("a", .tcp, interval: .zero) }),
            ("0.0 seconds", { _ = try HealthCheck("a", .tcp, unhealthyInterval: .zero) }),
            ("-1.0 seconds", { _ = try HealthCheck("a", .tcp, timeout: .seconds(-1)) }),
            ("0.51", { _ = try HealthCheck("a", .tcp, jitter: 0.51) }),
            ("nan", { _ = try HealthCheck("a", .tcp, jitter: .nan) }),
            ("0", { _ = try HealthCheck("a", .tcp, rise: 0) }),
            ("1001", { _ = try HealthCheck("a", .tcp, fall: 1_001) }),
            ("65536", { _ = try HealthCheck("a", .tcp, port: 65_536) }),
            ("healthz", { _ = try HealthCheck.HTTP(path: "healthz") }),
            ("/a b", { _ = try HealthCheck.HTTP(path: "/a b") }),
            ("\\u{d}", { _ = try HealthCheck.HTTP(path: "/a\r\nX: y") }),
            ("GE T", { _ = try HealthCheck.HTTP(method: "GE T") }),
            ("a\\u{a}", { _ = try HealthCheck.HTTP(host: "a\n") }),
            ("199", { _ = try HealthCheck.HTTP(expectedStatuses: [199...200]) }),
            ("never", { _ = try HealthCheck.HTTP(expectedStatuses: []) }),
            ("HEAD", { _ = try HealthCheck.HTTP(method: "HEAD", expectedBody: "ok") }),
            ("1024", { _ = try HealthCheck.HTTP(expectedBody: "") }),
            ("check.sh", { _ = try HealthCheck.Command("check.sh") }),
            ("257", { _ = try HealthCheck.Command("/x", arguments: Array(repeating: "a", count: 257)) }),
            ("server name", { _ = try HealthCheck.TLS(serverName: "") }),
            ("certificates", { _ = try HealthCheck.TLS(trustRootsFile: "") }),
        ]
        for (quoted, make) in cases {
            let error = Self.refusal(make)
            #expect(error?.code == .invalidConfiguration, "\(quoted)")
            #expect(error?.message.contains(quoted) == true, "\(quoted) in \(error?.message ?? "nothing")")
        }
    }
}
