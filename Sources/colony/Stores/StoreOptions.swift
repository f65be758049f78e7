import ArgumentParser
import ColonyCore

/// Where the locks are: the options that every command about locks has.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on a store directly, without a daemon, such as sqlite:colony.db. (default: $COLONY_STORE, or the file "
                + "colony.db in $COLONY_DATA, $XDG_STATE_HOME/colony, or ~/.local/state/colony)", valueName: "url"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Ask a daemon, such as http://127.0.0.1:7400, with the token in $COLONY_TOKEN if it wants one. "
                + "(default: $COLONY_SERVER)", valueName: "url"))
    var server: String?

    mutating func validate() throws {
        if let store, let server {
            throw ValidationError(
                "--store \(store) and --server \(server) exclude each other: give the one that has the locks.")
        }
    }

    /// The place that the options, or else the environment, name.
    func place() throws -> StorePlace {
        if let store { return try StorePlace(store: store, origin: "--store") }
        if let server { return try StorePlace(server: server, origin: "--server") }
        switch (Environment["COLONY_STORE"], Environment["COLONY_SERVER"]) {
        case (_?, _?):
            throw Failure(
                "invalid_request",
                "COLONY_STORE and COLONY_SERVER are both set. Unset one, or give --store or --server.",
                exitCode: .usage)
        case (let store?, nil): return try StorePlace(store: store, origin: "COLONY_STORE")
        case (nil, let server?): return try StorePlace(server: server, origin: "COLONY_SERVER")
        case (nil, nil): return .file(try DataDirectory.ofThisUser())
        }
    }

    /// The engine at that place. Nothing is opened yet.
    func engine() throws -> any LeaseEngine { try self.place().makeEngine() }
}

/// Whether the result is for a program.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON for programs instead of text for people.")
    var json = false
}

extension StoreOptions {
    /// The engine, as one whose leases can be listed and broken.
    func administration() throws -> any LeaseAdministration {
        let place = try self.place()
        guard let engine = try place.makeEngine() as? any LeaseAdministration else {
            throw Failure("invalid_request", "\(place) cannot list or break locks.", exitCode: .usage)
        }
        return engine
    }
}
