import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
// On Linux the members of timeval are declared here, and member visibility asks for the import by name.
import SwiftOverlayShims
#endif

/// What the running process takes of its machine.
enum ProcessUse {
    /// The processor time that all threads have used so far.
    static var processorTime: Duration {
        var usage = rusage()
        #if canImport(Darwin) || canImport(Musl)
        let status = getrusage(RUSAGE_SELF, &usage)
        #else
        let status = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #endif
        guard status == 0 else { return .zero }
        func duration(_ time: timeval) -> Duration { .seconds(Int64(time.tv_sec)) + .microseconds(Int64(time.tv_usec)) }
        return duration(usage.ru_utime) + duration(usage.ru_stime)
    }

    /// The memory that is resident now, in MiB; `nil` where the system does not say it.
    static var residentMebibytes: Double? {
        #if os(Linux)
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576
        #else
        return nil
        #endif
    }
}
