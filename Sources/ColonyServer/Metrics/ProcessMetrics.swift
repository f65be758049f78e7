import ColonyCore
import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
// On Linux the members of timeval are declared here, and member visibility asks for the import by name.
import SwiftOverlayShims
#endif

/// What the operating system knows about this process, under the names that dashboards for Prometheus expect.
enum ProcessMetrics {
    static func write(startedAt start: WallTime, to buffer: inout ByteBuffer) {
        Self.write(
            "process_start_time_seconds", .gauge, Double(start.millisecondsSince1970) / 1_000,
            help: "Start of the daemon, in seconds since 1970.", to: &buffer)
        var usage = rusage()
        #if canImport(Darwin) || canImport(Musl)
        let status = getrusage(RUSAGE_SELF, &usage)
        #else
        let status = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #endif
        if status == 0 {
            let seconds =
                Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
                + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
            Self.write(
                "process_cpu_seconds_total", .counter, seconds, help: "Processor time, in seconds.", to: &buffer)
        }
        if let bytes = Self.residentBytes {
            Self.write(
                "process_resident_memory_bytes", .gauge, Double(bytes), help: "Memory in use, in bytes.", to: &buffer)
        }
        if let count = Self.openFiles {
            Self.write("process_open_fds", .gauge, Double(count), help: "Open file descriptors.", to: &buffer)
        }
        if let limit = Self.fileLimit {
            Self.write("process_max_fds", .gauge, limit, help: "The most file descriptors.", to: &buffer)
        }
    }

    private static func write(
        _ name: String, _ kind: PrometheusRegistry.Kind, _ value: Double, help: String, to buffer: inout ByteBuffer
    ) {
        PrometheusRegistry.writeHeader(name, kind, help: help, to: &buffer)
        buffer.writeString("\(name) \(PrometheusRegistry.text(value))\n")
    }

    #if os(Linux)
    /// The second number of `statm`, in pages.
    private static var residentBytes: Int? {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
    }

    private static var openFiles: Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..`, and the descriptor of the listing itself.
        return count - 3
    }
    #else
    private static var residentBytes: Int? { nil }
    private static var openFiles: Int? { nil }
    #endif

    private static var fileLimit: Double? {
        var limit = rlimit()
        #if canImport(Darwin) || canImport(Musl)
        guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return nil }
        #else
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        #endif
        return Double(limit.rlim_cur)
    }
}
