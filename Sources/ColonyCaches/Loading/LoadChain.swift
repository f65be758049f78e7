import Synchronization

/// The loads within which the current task runs, so that a loader that asks for its own key is told instead of waiting
/// for itself for ever.
///
/// A task-local value is inherited by child tasks and by `Task { }`, thus also by the loads that a loader causes. A loader
/// that hides behind `Task.detached` is not found, and waits until the hard time-out.
enum LoadChain {
    final class Frame: Sendable {
        let cache: ObjectIdentifier
        let work: LoadWork
        /// The flights, as an array of the cache's own type.
        let flights: any Sendable
        let parent: Frame?

        init(cache: ObjectIdentifier, work: LoadWork, flights: any Sendable, parent: Frame?) {
            self.cache = cache
            self.work = work
            self.flights = flights
            self.parent = parent
        }
    }

    @TaskLocal static var innermost: Frame?

    /// The innermost load of a cache within which the task runs.
    static func frame(of cache: AnyObject) -> Frame? {
        let identity = ObjectIdentifier(cache)
        var frame = self.innermost
        while let current = frame {
            if current.cache == identity { return current }
            frame = current.parent
        }
        return nil
    }

    /// Whether `matches` holds for the flights of any load of a cache within which the task runs.
    static func contains<Flights>(
        of cache: AnyObject, as type: Flights.Type, where matches: (Flights) -> Bool
    ) -> Bool {
        let identity = ObjectIdentifier(cache)
        var frame = self.innermost
        while let current = frame {
            if current.cache == identity, let flights = current.flights as? Flights, matches(flights) { return true }
            frame = current.parent
        }
        return false
    }
}

/// Which loads wait for which, so that two loaders that ask for each other's key are told as well.
///
/// Only loads that are waited for from within loads are entered, so it is empty in most programs.
final class LoadWaits: Sendable {
    private let edges = Mutex<[ObjectIdentifier: [ObjectIdentifier]]>([:])

    /// Notes that a load waits for another.
    ///
    /// - Returns: `false`, and nothing is noted, if that would close a circle.
    /// - Complexity: O(*n*) in the number of such waits.
    func enter(_ waiting: LoadWork, for awaited: LoadWork) -> Bool {
        let start = ObjectIdentifier(waiting)
        return self.edges.withLock { edges in
            var visited: Set<ObjectIdentifier> = []
            var open = [ObjectIdentifier(awaited)]
            while let node = open.popLast() {
                if node == start { return false }
                if visited.insert(node).inserted { open += edges[node] ?? [] }
            }
            edges[start, default: []].append(ObjectIdentifier(awaited))
            return true
        }
    }

    /// Takes a note back.
    func leave(_ waiting: LoadWork, for awaited: LoadWork) {
        let start = ObjectIdentifier(waiting)
        self.edges.withLock { edges in
            guard var list = edges[start], let index = list.firstIndex(of: ObjectIdentifier(awaited)) else { return }
            list.remove(at: index)
            edges[start] = list.isEmpty ? nil : list
        }
    }
}
