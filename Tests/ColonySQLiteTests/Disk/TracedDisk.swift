import Foundation
import GRDBSQLite
import Synchronization

/// Stands between SQLite and its files, and notes in a ``DiskTrace`` what is done to those of a folder.
///
/// It is the file system that SQLite uses unless another is named, so that the store under test opens its file as it always does. Files
/// of other folders pass it by.
enum TracedDisk {
    struct CannotRegister: Error {}

    private static let traces = Mutex<[DiskTrace]>([])

    /// Notes what is done to the files of a folder from now on, until the trace is dropped; called before the store in it is opened.
    static func trace(_ folder: TemporaryFolder) throws -> DiskTrace {
        guard self.isRegistered else { throw CannotRegister() }
        let trace = DiskTrace(folder: folder.path)
        self.traces.withLock { $0.append(trace) }
        return trace
    }

    /// Lets the files of a folder pass by again, when its store is closed.
    static func forget(_ trace: DiskTrace) {
        self.traces.withLock { $0.removeAll { $0 === trace } }
    }

    private static func trace(of path: String) -> (trace: DiskTrace, file: String)? {
        self.traces.withLock { traces in
            traces.first { path.hasPrefix($0.folder) }.map { ($0, String(path.dropFirst($0.folder.utf8.count))) }
        }
    }

    // MARK: The file system

    /// What SQLite keeps of an open file: ours at the beginning, that of the real file system behind it.
    private struct OpenFile {
        var methods: UnsafePointer<sqlite3_io_methods>?
        var note: Unmanaged<Note>
    }

    private final class Note: Sendable {
        let trace: DiskTrace
        let file: String

        init(_ trace: DiskTrace, _ file: String) {
            self.trace = trace
            self.file = file
        }
    }

    /// What was made once and never changes.
    ///
    /// - Note: `@unchecked Sendable`: SQLite reads what the pointers lead to from any thread, and nobody writes to it after it is made.
    private final class FileSystem: @unchecked Sendable {
        let base: UnsafeMutablePointer<sqlite3_vfs>
        let shim: UnsafeMutablePointer<sqlite3_vfs>
        let methods: UnsafeMutablePointer<sqlite3_io_methods>

        init?() {
            guard let base = sqlite3_vfs_find(nil) else { return nil }
            self.base = base
            self.shim = .allocate(capacity: 1)
            self.methods = .allocate(capacity: 1)
            var shim = base.pointee
            shim.zName = UnsafePointer(strdup("colony-traced"))
            shim.szOsFile += Int32(MemoryLayout<OpenFile>.stride)
            shim.pNext = nil
            shim.xOpen = { _, name, file, flags, outFlags in TracedDisk.open(name, file, flags, outFlags) }
            shim.xDelete = { _, name, syncsFolder in TracedDisk.delete(name, syncsFolder) }
            self.shim.initialize(to: shim)
            self.methods.initialize(to: TracedDisk.makeMethods())
        }
    }

    private static let system = FileSystem()

    private static let isRegistered: Bool = {
        guard let system else { return false }
        return sqlite3_vfs_register(system.shim, 1) == SQLITE_OK
    }()

    private static func real(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<sqlite3_file>? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).advanced(by: MemoryLayout<OpenFile>.stride)
            .assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func note(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Note? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.note
            .takeUnretainedValue()
    }

    private static func open(
        _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let system, let file else { return SQLITE_CANTOPEN }
        guard let name, let (trace, path) = Self.trace(of: String(cString: name)) else {
            return system.base.pointee.xOpen(system.base, name, file, flags, outFlags)
        }
        let code = system.base.pointee.xOpen(system.base, name, Self.real(file), flags, outFlags)
        guard code == SQLITE_OK else {
            file.pointee.pMethods = nil
            return code
        }
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).initialize(
            to: OpenFile(methods: UnsafePointer(system.methods), note: .passRetained(Note(trace, path))))
        return code
    }

    private static func delete(_ name: UnsafePointer<CChar>?, _ syncsFolder: Int32) -> Int32 {
        guard let system else { return SQLITE_IOERR }
        let code = system.base.pointee.xDelete(system.base, name, syncsFolder)
        if code == SQLITE_OK, let name, let (trace, path) = Self.trace(of: String(cString: name)) {
            trace.note(.delete(file: path))
        }
        return code
    }

    // MARK: Files

    // Extended codes, which are computed macros in C.
    private static let writeFailed = SQLITE_IOERR | 3 << 8
    private static let syncFailed = SQLITE_IOERR | 4 << 8
    private static let truncateFailed = SQLITE_IOERR | 6 << 8

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: Int64
    ) -> Int32 {
        guard let note = Self.note(file), let real = Self.real(file) else { return Self.writeFailed }
        switch note.trace.begins(isSync: false) {
        case .full: return SQLITE_FULL
        case .write, .sync: return Self.writeFailed
        case nil: break
        }
        let code = real.pointee.pMethods.pointee.xWrite(real, bytes, count, offset)
        if code == SQLITE_OK {
            let content = Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            note.trace.note(.write(file: note.file, offset: offset, bytes: content))
        }
        return code
    }

    private static func sync(_ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32) -> Int32 {
        guard let note = Self.note(file), let real = Self.real(file) else { return Self.syncFailed }
        if note.trace.begins(isSync: true) != nil {
            note.trace.note(.failedSync(file: note.file))
            return Self.syncFailed
        }
        let code = real.pointee.pMethods.pointee.xSync(real, flags)
        if code == SQLITE_OK { note.trace.note(.sync(file: note.file)) }
        return code
    }

    private static func truncate(_ file: UnsafeMutablePointer<sqlite3_file>?, _ size: Int64) -> Int32 {
        guard let note = Self.note(file), let real = Self.real(file) else { return Self.truncateFailed }
        let code = real.pointee.pMethods.pointee.xTruncate(real, size)
        if code == SQLITE_OK { note.trace.note(.truncate(file: note.file, size: size)) }
        return code
    }

    private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard let file, let real = Self.real(file) else { return SQLITE_IOERR }
        let code = real.pointee.pMethods.pointee.xClose(real)
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.note.release()
        return code
    }

    /// Version 2: with shared memory for the log, which no power cut leaves anything of, and without mapped files.
    private static func makeMethods() -> sqlite3_io_methods {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { TracedDisk.close($0) }
        methods.xWrite = { TracedDisk.write($0, $1, $2, $3) }
        methods.xSync = { TracedDisk.sync($0, $1) }
        methods.xTruncate = { TracedDisk.truncate($0, $1) }
        methods.xRead = { file, bytes, count, offset in
            TracedDisk.passed(file) { $1.xRead($0, bytes, count, offset) }
        }
        methods.xFileSize = { file, size in TracedDisk.passed(file) { $1.xFileSize($0, size) } }
        methods.xLock = { file, level in TracedDisk.passed(file) { $1.xLock($0, level) } }
        methods.xUnlock = { file, level in TracedDisk.passed(file) { $1.xUnlock($0, level) } }
        methods.xCheckReservedLock = { file, answer in TracedDisk.passed(file) { $1.xCheckReservedLock($0, answer) } }
        methods.xFileControl = { file, operation, value in
            TracedDisk.passed(file) { $1.xFileControl($0, operation, value) }
        }
        methods.xSectorSize = { file in TracedDisk.passed(file) { $1.xSectorSize($0) } }
        methods.xDeviceCharacteristics = { file in TracedDisk.passed(file) { $1.xDeviceCharacteristics($0) } }
        methods.xShmMap = { file, page, size, extends, memory in
            TracedDisk.passed(file) { $1.xShmMap($0, page, size, extends, memory) }
        }
        methods.xShmLock = { file, offset, count, flags in
            TracedDisk.passed(file) { $1.xShmLock($0, offset, count, flags) }
        }
        methods.xShmBarrier = { file in
            guard let real = TracedDisk.real(file) else { return }
            real.pointee.pMethods.pointee.xShmBarrier(real)
        }
        methods.xShmUnmap = { file, deletes in TracedDisk.passed(file) { $1.xShmUnmap($0, deletes) } }
        return methods
    }

    /// Hands a call on to the real file.
    private static func passed(
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ call: (UnsafeMutablePointer<sqlite3_file>, sqlite3_io_methods) -> Int32
    ) -> Int32 {
        guard let real = Self.real(file) else { return SQLITE_IOERR }
        return call(real, real.pointee.pMethods.pointee)
    }
}
