import ColonyCoordination
import ColonyCore
import FaultHistory
import Foundation

/// A contender for the fault suite to kill, stop, and cut off: it takes a lock again and again, writes to a register that
/// checks its tokens, and appends what it saw to the history that all contenders share. SIGTERM ends it in order.
///
/// ```text
/// colony-fault-probe URL LOCK --who NAME --register FILE --history FILE --ttl MS
///     [--wait MS] [--hold MS] [--seed N] [--election] [--sleeper] [--unguarded]
/// ```
///
/// - `--wait`: the longest wait for the lock; ten leases unless given.
/// - `--hold`: the longest time of work under the lock; one and a half leases unless given, so that some are renewed.
/// - `--election`: campaigns in an election instead of taking a lock; its terms are the tokens.
/// - `--sleeper`: does not renew, works for up to three leases, and writes on whatever it hears of its loss.
/// - `--unguarded`: the register takes every write. For a test that shows what the guard is for.
@main
struct FaultProbe {
    static func main() async {
        let contender: Contender
        do {
            contender = try Contender(ProbeArguments(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("colony-fault-probe: \(error)\n".utf8))
            exit(64)
        }
        let work = Task { await contender.run() }
        signal(SIGTERM, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
        source.setEventHandler { work.cancel() }
        source.resume()
        await work.value
        source.cancel()
        exit(0)
    }
}

struct BadArguments: Error, CustomStringConvertible {
    let description: String
}

/// What the command line says.
struct ProbeArguments {
    var url = ""
    var lock = ""
    var who = "1.0"
    var register = ""
    var history = ""
    var ttl = Duration.seconds(2)
    var wait: Duration?
    var hold: Duration?
    var seed: UInt64 = 1
    var isElection = false
    var isSleeper = false
    var isGuarded = true

    init(_ words: ArraySlice<String>) throws {
        var rest = words
        var names: [String] = []
        func value(of option: String) throws -> String {
            guard let value = rest.popFirst() else { throw BadArguments(description: "\(option) needs a value") }
            return value
        }
        func number(of option: String) throws -> UInt64 {
            let text = try value(of: option)
            guard let number = UInt64(text) else {
                throw BadArguments(description: "\(option) \(text) is not a number")
            }
            return number
        }
        while let word = rest.popFirst() {
            switch word {
            case "--who": self.who = try value(of: word)
            case "--register": self.register = try value(of: word)
            case "--history": self.history = try value(of: word)
            case "--ttl": self.ttl = .milliseconds(Int64(try number(of: word)))
            case "--wait": self.wait = .milliseconds(Int64(try number(of: word)))
            case "--hold": self.hold = .milliseconds(Int64(try number(of: word)))
            case "--seed": self.seed = try number(of: word)
            case "--election": self.isElection = true
            case "--sleeper": self.isSleeper = true
            case "--unguarded": self.isGuarded = false
            case _ where word.hasPrefix("--"): throw BadArguments(description: "there is no option \(word)")
            default: names.append(word)
            }
        }
        guard names.count == 2, !self.register.isEmpty, !self.history.isEmpty else {
            throw BadArguments(description: "URL, LOCK, --register FILE, and --history FILE are needed")
        }
        (self.url, self.lock) = (names[0], names[1])
    }
}
