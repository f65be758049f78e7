import Foundation

/// The program under test, as it was built along with the tests.
enum ColonyBinary {
    /// The binary lies in the build directory, where the test bundle lies as well.
    static let path: String = {
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let program = bundle ?? URL(fileURLWithPath: CommandLine.arguments[0])
        let binary = program.deletingLastPathComponent().appendingPathComponent("colony").path
        precondition(FileManager.default.isExecutableFile(atPath: binary), "there is no program at \(binary)")
        return binary
    }()
}
