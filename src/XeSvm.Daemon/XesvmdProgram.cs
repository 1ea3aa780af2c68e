using System.Collections;
using XeSvm.Daemon.Documentation;
using XeSvm.Daemon.Install;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon;

/// <summary>The command line: verbs, and what they return.</summary>
internal static class XesvmdProgram
{
    internal const int Success = 0;
    internal const int Failed = 1;
    internal const int Usage = 2;

    private const string Help = """
        usage: xesvmd [run] [--config FILE] [--KEY VALUE]...   serve; the keys are those of the configuration
               xesvmd configuration [--config FILE] [...]      check the configuration and print what is in force
               xesvmd install [--root DIRECTORY]               put unit, configuration, rules and program into the file system
               xesvmd uninstall [--root DIRECTORY] [--purge]   take them away; --purge: the configuration too
               xesvmd documentation configuration|metrics      print a table
               xesvmd version
               xesvmd help

        exit codes: 0 success, 1 something failed while running, 2 usage or configuration
        """;

    internal static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        string verb = args.Length == 0 || args[0].StartsWith("--", StringComparison.Ordinal) ? "run" : args[0];
        string[] rest = args.Length > 0 && args[0] == verb ? args[1..] : args;
        if (rest.Contains("--help"))
        {
            verb = "help";
        }

        try
        {
            switch (verb)
            {
                case "run":
                    return await ServeAsync(rest).ConfigureAwait(false);
                case "configuration":
                    output.Write(SettingTables.InForce(new SettingsLoader(rest, EnvironmentVariables()).Load()));
                    return Success;
                case "install":
                case "uninstall":
                    return Installer.Run(verb, rest, output, error);
                case "documentation" when rest is ["configuration"]:
                    output.Write(SettingTables.Markdown());
                    return Success;
                case "documentation" when rest is ["metrics"]:
                    output.Write(MetricTables.Markdown());
                    return Success;
                case "version":
                    output.WriteLine($"xesvmd {DaemonVersion.Text}");
                    return Success;
                case "help":
                    output.WriteLine(Help);
                    return Success;
                default:
                    error.WriteLine($"xesvmd: '{string.Join(' ', args)}' is not understood.");
                    error.WriteLine(Help);
                    return Usage;
            }
        }
        catch (SettingsException exception)
        {
            foreach (string line in exception.Errors)
            {
                error.WriteLine($"xesvmd: {line}");
            }

            return Usage;
        }
        catch (IOException exception)
        {
            // An address in use, most of all.
            error.WriteLine($"xesvmd: {exception.Message}");
            return Failed;
        }
    }

    private static async Task<int> ServeAsync(string[] args)
    {
        Dictionary<string, string> environment = EnvironmentVariables();
        SettingsHolder settings = new(new SettingsLoader(args, environment));
        await using DaemonHost host = DaemonHost.Build(settings, new DaemonParts { Environment = environment });
        await host.StartAsync().ConfigureAwait(false);
        return await host.WaitAsync().ConfigureAwait(false) ? Success : Failed;
    }

    private static Dictionary<string, string> EnvironmentVariables() => Environment.GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
}
