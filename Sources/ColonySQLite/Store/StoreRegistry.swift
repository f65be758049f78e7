import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The open stores of this process, by the true path of their files.
///
/// Group commit works only if all writes of a process meet in one writer, so engines that name the same file, by whatever
/// path, share a store. The registry holds stores weakly: they live as long as an engine uses them.
package final class StoreRegistry: Sendable {
    /// That of the process. Others exist to stand for other processes in tests.
    package static let shared = StoreRegistry()

    private struct WeakStore {
        weak var store: Store?
    }

    private let stores = Mutex<[String: WeakStore]>([:])

    package init() {}

    /// The store at `path`, which the caller has joined and must leave.
    func join(
        path: String, configuration: SQLiteStoreConfiguration, boot: BootIdentity, wall: any WallClock
    ) -> Store {
        let path = Self.canonical(path)
        return self.stores.withLock { stores in
            if let store = stores[path]?.store {
                store.join()
                return store
            }
            stores = stores.filter { $0.value.store != nil }
            let store = Store(file: StoreFile(path: path, boot: boot, configuration: configuration, wall: wall))
            stores[path] = WeakStore(store: store)
            store.join()
            return store
        }
    }

    /// Ends a membership. The last one closes the file; an engine made meanwhile gets a store of its own.
    func leave(_ store: Store) async {
        let isLast = self.stores.withLock { stores in
            guard store.leave() else { return false }
            if stores[store.path]?.store === store { stores[store.path] = nil }
            return true
        }
        if isLast { await store.close() }
    }

    /// The path without symbolic links and relative parts, of a file that may not exist yet.
    static func canonical(_ path: String) -> String {
        // What is no path of a file stays as it is, to be refused under its own name.
        if path.isEmpty || path.hasPrefix(":memory:") || path.utf8.contains(0) { return path }
        if let resolved = Self.resolved(path) { return resolved }
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            guard let directory = Self.resolved(".") else { return path }
            return directory + "/" + path
        }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        guard let resolved = Self.resolved(directory) else { return path }
        return (resolved == "/" ? "" : resolved) + String(path[slash...])
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
