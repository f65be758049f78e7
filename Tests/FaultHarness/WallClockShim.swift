import Foundation
import RealServers

/// A wall clock that a test can set for one process: a small library that is loaded before all others, and adds the seconds in
/// a file to what the C library says the time is. Monotonic clocks stay as they are.
package final class WallClockShim: Sendable {
    private let folder: TemporaryFolder

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static const volatile int64_t *shift;

        __attribute__((constructor)) static void open_shift(void) {
            const char *path = getenv("COLONY_WALL_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *memory = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
            if (memory != MAP_FAILED) shift = memory;
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *result) {
            static int (*real)(clockid_t, struct timespec *);
            if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
            int status = real(clock, result);
            if (status == 0 && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) result->tv_sec += *shift;
            return status;
        }

        int gettimeofday(struct timeval *result, void *zone) {
            struct timespec now;
            (void)zone;
            if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
            result->tv_sec = now.tv_sec;
            result->tv_usec = now.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }
        """

    /// Why there can be none here, or `nil`.
    package static let obstacle: String? = {
        #if os(Linux)
        return InstalledPrograms.compiler == nil ? "cc is not installed (Debian's package is gcc)" : nil
        #else
        return "the libraries of other systems than Linux are not replaced this way"
        #endif
    }()

    /// Compiles the library.
    package init() throws {
        guard let compiler = InstalledPrograms.compiler else { throw ServerFailure("cc is not installed") }
        self.folder = try TemporaryFolder("colony-clock")
        let source = "\(self.folder.path)/clock.c"
        try Self.source.write(toFile: source, atomically: true, encoding: .utf8)
        try Run.toEnd(compiler, ["-O1", "-shared", "-fPIC", "-o", "\(self.folder.path)/clock.so", source, "-ldl"])
        // A server that runs as another user reads it, too.
        try Run.toEnd("/bin/chmod", ["-R", "a+rX", self.folder.path])
    }

    /// The clock of one process.
    package func makeClock(_ name: String) throws -> Clock {
        try Clock(library: "\(self.folder.path)/clock.so", file: "\(self.folder.path)/\(name)", shim: self)
    }

    package final class Clock: Sendable {
        /// What the process is started with.
        package let environment: [String: String]
        private let file: String
        private let shim: WallClockShim

        fileprivate init(library: String, file: String, shim: WallClockShim) throws {
            self.environment = ["LD_PRELOAD": library, "COLONY_WALL_CLOCK": file]
            self.file = file
            self.shim = shim
            try Data(count: 8).write(to: URL(fileURLWithPath: file))
        }

        /// Sets the clock so many seconds away from the right time.
        package func set(secondsOff seconds: Int) throws {
            let handle = try FileHandle(forUpdating: URL(fileURLWithPath: self.file))
            try withUnsafeBytes(of: Int64(seconds)) { try handle.write(contentsOf: Data($0)) }
            try handle.close()
        }
    }
}
