using System.Net;
using System.Text;
using XeSvm.Costs;
using XeSvm.Daemon.Web;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Settings;

/// <summary>All settings: the one place that the loader and the documentation are made from.</summary>
internal static class SettingTable
{
    internal const string VariablePrefix = "XESVMD_";

    private const int LongestUnixPath = 100; // sun_path has 108 bytes, of which the name while binding needs a few

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_year = TimeSpan.FromDays(365);

    internal static IReadOnlyList<Setting> All { get; } =
    [
        new("backend", "auto", "auto, kernel, software", "Where devices come from; auto takes the kernel's where there is one.",
            (s, v) => s with { Backend = XeBackends.TryParse(v, out BackendChoice choice) ? choice : throw new FormatException("auto, kernel and software are valid") }),
        new("software.device", "bmg", "bmg, bmg-smallbar, lnl, pvc2, dual-bmg, a JSON file", "The software backend's machine.",
            (s, v) => s with { Software = Checked(s.Software with { Device = v }, new SoftwareBackendOptions { Device = v }) }),
        new("software.strategy", "iova", "per-page, iova, iova-runs, iova-filled, scatterlist", "How the software backend maps pages for DMA.",
            (s, v) => s with { Software = Checked(s.Software with { Strategy = v }, new SoftwareBackendOptions { Strategy = v }) }),
        new("software.layout", "scattered", "scattered, descending, runs:K, contiguous, contiguous-unaligned, huge", "How pages lie in the software backend's memory.",
            (s, v) => s with { Software = Checked(s.Software with { Layout = v }, new SoftwareBackendOptions { Layout = v }) }),
        new("software.iommu", "strict", "strict, lazy, passthrough, off", "The mode of the software backend's IOMMU.",
            (s, v) => s with { Software = s.Software with { Iommu = Enum.Parse<IommuMode>(SettingValue.OneOf(v, "strict", "lazy", "passthrough", "off"), ignoreCase: true) } }),
        new("software.coherent-walker", "true", "true, false", "Whether the software backend's IOMMU sees the CPU's caches.",
            (s, v) => s with { Software = s.Software with { CoherentWalker = SettingValue.Switch(v) } }),
        new("software.vram", "0", "0, or a multiple of 2M up to 64G", "VRAM of the software backend's tiles; 0: as the machine has it.",
            (s, v) => s with { Software = WithVram(s.Software, v) }),
        new("software.cpu-faults", "auto", "auto, userfaultfd, userfaultfd-user-mode, coherent", "How the software backend notices CPU touches of VRAM.",
            (s, v) => s with { Software = Checked(s.Software with { CpuFaults = v }, new SoftwareBackendOptions { CpuFaults = v }) }),
        new("software.faults", "", "a plan such as lost:at=1000", "Failures to inject into the software backend, for trying alarms.",
            (s, v) => s with { Software = s.Software with { Faults = FaultPlan.Parse(v) } }),
        new("server.socket", "", "an absolute path, or empty", "Socket at which unmodified programs reach the software backend's devices (XESVM_SERVER); empty: none. The daemon's own user and root may use it, and who the next three let in.",
            (s, v) => s with { ServerSocket = SocketPath(v) }),
        new("server.socket-owner", "", "a user of /etc/passwd, a number, or empty", "Owner of that socket; empty: the daemon's own user.",
            (s, v) => s with { ServerAccess = s.ServerAccess with { Owner = Accounts.Parse(Accounts.Users, v) } }),
        new("server.socket-group", "", "a group of /etc/group, a number, or empty", "Group of that socket; empty: the daemon's own group.",
            (s, v) => s with { ServerAccess = s.ServerAccess with { Group = Accounts.Parse(Accounts.Groups, v) } }),
        new("server.socket-mode", "0600", "0 to 0777", "Mode of that socket: who may write, may use the devices.",
            (s, v) => s with { ServerAccess = s.ServerAccess with { Mode = SettingValue.Mode(v) } }),
        new("sampling.interval", "1s", "100ms to 1h", "How often the statistics are read.",
            (s, v) => s with { SamplingInterval = SettingValue.Duration(v, TimeSpan.FromMilliseconds(100), s_hour) }),
        new("devices.retry", "5s", "100ms to 1h", "How often new devices are looked for.",
            (s, v) => s with { DevicesRetry = SettingValue.Duration(v, TimeSpan.FromMilliseconds(100), s_hour) }),
        new("probe.enabled", "auto", "auto, on, off", "Whether probes run on a schedule: small migrations of own memory; auto: on the software backend only.",
            (s, v) => s with { Probe = Enum.Parse<ProbeMode>(SettingValue.OneOf(v, "auto", "on", "off"), ignoreCase: true) }),
        new("probe.interval", "10m", "1s to 1d", "How often.",
            (s, v) => s with { ProbeInterval = SettingValue.Duration(v, s_second, TimeSpan.FromDays(1)) }),
        new("probe.sizes", "2M,64K", "a list of 4K, 64K, 2M", "Sizes of the ranges.",
            (s, v) => s with { ProbeSizes = Sizes(v) }),
        new("probe.migrations", "16", "1 to 64", "Migrations of a batch.",
            (s, v) => s with { ProbeMigrations = SettingValue.Count(v, 1, 64) }),
        new("probe.batches", "5", "3 to 50", "Batches of a probe; their spread is its noise.",
            (s, v) => s with { ProbeBatches = SettingValue.Count(v, 3, 50) }),
        new("probe.time", "measured", "measured, modelled", "Which time is compared: this host's clock, or counts times a cost profile (software backend only).",
            (s, v) => s with { ProbeModelled = SettingValue.OneOf(v, "measured", "modelled") == "modelled" }),
        new("probe.profile", "xe-2026-01", "a built-in profile or a JSON file", "The cost profile of modelled time.",
            (s, v) => s with { ProbeProfile = Profile(v) }),
        new("baseline.probes", "3", "0 to 100", "Probes after which the first baseline is set by itself; 0: only when asked.",
            (s, v) => s with { BaselineProbes = SettingValue.Count(v, 0, 100) }),
        new("alarm.sigmas", "4", "1 to 100", "How many times its noise a figure must move.",
            (s, v) => s with { AlarmSigmas = SettingValue.Number(v, 1, 100) }),
        new("alarm.minimum-change", "0.1", "0 to 10", "And by which part of the baseline at least.",
            (s, v) => s with { AlarmMinimumChange = SettingValue.Number(v, 0, 10) }),
        new("alarm.consecutive", "2", "1 to 100", "In how many probes one after the other; as many within the limits end the alarm.",
            (s, v) => s with { AlarmConsecutive = SettingValue.Count(v, 1, 100) }),
        new("history.path", "/var/lib/xesvmd/history.db", "a file", "The history's database.",
            (s, v) => s with { HistoryPath = v.Length > 0 ? Path.GetFullPath(v) : throw new FormatException("the path of a file is valid") }) { Reloadable = false },
        new("history.raw-age", "6h", "1m to 365d", "How long single samples are kept; minutes are kept longer.",
            (s, v) => s with { HistoryRawAge = SettingValue.Duration(v, TimeSpan.FromMinutes(1), s_year) }),
        new("history.maximum-age", "30d", "1m to 365d", "How long minutes, probes and events are kept.",
            (s, v) => s with { HistoryMaximumAge = SettingValue.Duration(v, TimeSpan.FromMinutes(1), s_year) }),
        new("history.maximum-size", "256M", "1M to 1024G", "Size of the database at most; the oldest goes first.",
            (s, v) => s with { HistoryMaximumSize = SettingValue.Size(v, 1L << 20, 1024L << 30) }),
        new("http.listen", "127.0.0.1:9477", "a list of ADDRESS:PORT and unix:PATH", "Where to serve; beyond loopback a token is needed.",
            (s, v) => s with { Listen = Addresses(v) }) { Reloadable = false },
        new("http.socket-owner", "", "a user, or empty", "Owner of Unix sockets.", (s, v) => s with { SocketOwner = v }) { Reloadable = false },
        new("http.socket-group", "", "a group, or empty", "Group of Unix sockets.", (s, v) => s with { SocketGroup = v }) { Reloadable = false },
        new("http.socket-mode", "0660", "0 to 0777", "Mode of Unix sockets.", (s, v) => s with { SocketMode = SettingValue.Mode(v) }) { Reloadable = false },
        new("http.token-file", "", "a file, or empty", "File with the token; else the credential 'token' of the service manager.",
            (s, v) => s with { TokenFile = v }),
        new("http.maximum-connections", "256", "8 to 65536", "Connections at once; more are closed.",
            (s, v) => s with { MaximumConnections = SettingValue.Count(v, 8, 65536) }) { Reloadable = false },
        new("otlp.endpoint", "", "a URL, or empty", "Where metrics are sent by OTLP, such as http://127.0.0.1:4317 for grpc and http://127.0.0.1:4318/v1/metrics for http/protobuf; empty: nowhere.",
            (s, v) => s with { OtlpEndpoint = Endpoint(v) }) { Reloadable = false },
        new("otlp.protocol", "grpc", "grpc, http/protobuf", "How.",
            (s, v) => s with { OtlpProtocol = SettingValue.OneOf(v, "grpc", "http/protobuf") }) { Reloadable = false },
        new("otlp.interval", "1m", "1s to 1h", "How often.",
            (s, v) => s with { OtlpInterval = SettingValue.Duration(v, s_second, s_hour) }) { Reloadable = false },
        new("log.level", "information", "verbose, debug, information, warning, error", "The least level that is logged.",
            (s, v) => s with { LogLevel = SettingValue.OneOf(v, "verbose", "debug", "information", "warning", "error") }),
        new("log.format", "auto", "auto, journal, text, json", "auto: journal under a service manager, else text.",
            (s, v) => s with { LogFormat = SettingValue.OneOf(v, "auto", "journal", "text", "json") }) { Reloadable = false },
    ];

    /// <summary>What is wrong with settings that are valid each on its own.</summary>
    internal static IReadOnlyList<string> Contradictions(DaemonSettings settings) =>
        settings.ServerSocket.Length > 0 && settings.Software.CpuFaults is not ("auto" or "coherent")
            ? [$"server.socket and software.cpu-faults: CPU faults of other processes cannot be noticed by '{settings.Software.CpuFaults}'; auto and coherent are possible."]
            : [];

    /// <summary>Finds a setting by its key.</summary>
    internal static Setting? Find(string key) => All.FirstOrDefault(setting => setting.Key == key);

    /// <summary>The key that a wrong one was probably meant to be.</summary>
    internal static string Nearest(string key) => All.MinBy(setting => Distance(setting.Key, key))!.Key;

    private static SoftwareBackendOptions Checked(SoftwareBackendOptions whole, SoftwareBackendOptions alone)
    {
        // The constructor checks every word and allocates nothing.
        using SoftwareBackend backend = new(alone);
        return whole;
    }

    private static SoftwareBackendOptions WithVram(SoftwareBackendOptions software, string text)
    {
        long bytes = SettingValue.Size(text, 0, 64L << 30);
        return bytes == 0
            ? software with { VramBytes = null }
            : Checked(software with { VramBytes = (ulong)bytes }, new SoftwareBackendOptions { VramBytes = (ulong)bytes });
    }

    private static IReadOnlyList<string> Sizes(string text)
    {
        IReadOnlyList<string> names = SettingValue.List(text);
        return names.Count > 0 && names.Distinct().Count() == names.Count && names.All(name => SvmSizeClass.All.Any(size => size.Name == name))
            ? names
            : throw new FormatException("a list of 4K, 64K and 2M is valid, each at most once");
    }

    private static string Profile(string name)
    {
        try
        {
            CostModel.Load(name);
            return name;
        }
        catch (CostModelException exception)
        {
            throw new FormatException(exception.Message, exception);
        }
    }

    private static string SocketPath(string text) =>
        text.Length == 0 || (text[0] == '/' && Encoding.UTF8.GetByteCount(text) < LongestUnixPath && !text.Contains('\0', StringComparison.Ordinal))
            ? text
            : throw new FormatException($"an absolute path of less than {LongestUnixPath} bytes is valid, or nothing");

    private static IReadOnlyList<string> Addresses(string text)
    {
        const string Valid = "a list of ADDRESS:PORT (such as 127.0.0.1:9477 or [::1]:9477) and unix:/PATH is valid";
        const string UnixPrefix = "unix:/";
        IReadOnlyList<string> addresses = SettingValue.List(text);
        foreach (string address in addresses)
        {
            bool valid = address.StartsWith(UnixPrefix, StringComparison.Ordinal)
                ? address.Length > UnixPrefix.Length && Encoding.UTF8.GetByteCount(address) < LongestUnixPath && !address.Contains('\0', StringComparison.Ordinal)
                : IPEndPoint.TryParse(address, out _) && address.Contains(':', StringComparison.Ordinal);
            if (!valid)
            {
                throw new FormatException(Valid);
            }
        }

        return addresses.Count > 0 ? addresses : throw new FormatException(Valid);
    }

    private static string Endpoint(string text) =>
        text.Length == 0 || (Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https")
            ? text
            : throw new FormatException("an http or https URL is valid, or nothing");

    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            int corner = row[0]++;
            for (int j = 1; j <= right.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, corner + (left[i - 1] == right[j - 1] ? 0 : 1));
                corner = above;
            }
        }

        return row[^1];
    }
}
