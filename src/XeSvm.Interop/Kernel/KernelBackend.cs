using System.Globalization;
using XeSvm.Interop.Native;

namespace XeSvm.Interop.Kernel;

/// <summary>The devices of the kernel's <c>xe</c> driver, opened through their render nodes.</summary>
public sealed class KernelBackend : DrmBackend
{
    private const string DriverName = "xe";
    private const string NodePrefix = "renderD";

    // Render nodes have the minor numbers from 128 to 191 (drm_minor_alloc in drm_drv.c).
    private const int FirstMinor = 128;
    private const int LastMinor = 191;

    private readonly KernelPaths _paths;
    private readonly VersionReader _readVersion;
    private volatile IReadOnlyList<string> _searchReport = [];

    /// <summary>Creates a backend over the nodes in <c>/dev/dri</c>.</summary>
    /// <exception cref="NativeLibraryException">libxesvm_native is missing, or does not belong to this assembly.</exception>
    public KernelBackend()
        : this(new KernelPaths(), DrmDriverVersion.Read)
    {
    }

    /// <summary>Creates a backend over other folders, for tests.</summary>
    internal KernelBackend(KernelPaths paths, VersionReader readVersion)
    {
        NativeLibraryCheck.EnsureCompatible();
        _paths = paths;
        _readVersion = readVersion;
    }

    /// <summary>Asks the driver behind an open file for its name and version.</summary>
    internal delegate int VersionReader(DrmFile file, out DrmDriverVersion version);

    /// <inheritdoc/>
    public override string Name => "kernel";

    /// <summary>
    /// What the last <see cref="Enumerate"/> found: one sentence for each node that was not taken and why, or one for the folder when
    /// it has no node. Empty when every node was taken, and before the first call.
    /// </summary>
    public IReadOnlyList<string> SearchReport => _searchReport;

    /// <inheritdoc/>
    public override IReadOnlyList<DrmNode> Enumerate()
    {
        List<DrmNode> nodes = [];
        List<string> report = [];
        foreach (int minor in RenderMinors(report))
        {
            string path = Path.Combine(_paths.Devices, string.Create(CultureInfo.InvariantCulture, $"{NodePrefix}{minor}"));
            DrmNode node = new(path, DriverName, string.Empty, minor);
            int result = OpenXe(node, out KernelFile? file, out string? otherDriver);
            file?.Dispose();
            if (result == 0)
            {
                nodes.Add(node with { BusAddress = KernelDevice.BusAddress(_paths, minor) });
            }
            else
            {
                report.Add(Explain(path, result, otherDriver));
            }
        }

        _searchReport = report.AsReadOnly();
        return nodes.AsReadOnly();
    }

    /// <inheritdoc/>
    /// <remarks>-ENODEV when the node's driver is not xe, also when it has become another one since the search.</remarks>
    public override int Open(DrmNode node, out DrmFile? file)
    {
        ArgumentNullException.ThrowIfNull(node);
        int result = OpenXe(node, out KernelFile? opened, out _);
        file = opened;
        return result;
    }

    private SortedSet<int> RenderMinors(List<string> report)
    {
        SortedSet<int> minors = [];
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(_paths.Devices, NodePrefix + "*"))
            {
                ReadOnlySpan<char> number = Path.GetFileName(path.AsSpan())[NodePrefix.Length..];
                if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
                    && minor is >= FirstMinor and <= LastMinor)
                {
                    minors.Add(minor);
                }
            }

            if (minors.Count == 0)
            {
                report.Add($"{_paths.Devices} has no render node ({NodePrefix}{FirstMinor} to {NodePrefix}{LastMinor}).");
            }
        }
        catch (DirectoryNotFoundException)
        {
            report.Add($"{_paths.Devices} does not exist: no DRM driver is loaded, or this container was not given the device.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            report.Add($"{_paths.Devices} cannot be listed: {exception.Message}");
        }

        return minors;
    }

    // Asked at every opening: the driver's ioctl numbers mean something else to another driver.
    private int OpenXe(DrmNode node, out KernelFile? file, out string? otherDriver)
    {
        otherDriver = null;
        int result = KernelFile.Open(_paths, node, out file);
        if (file is null)
        {
            return result;
        }

        result = _readVersion(file, out DrmDriverVersion version);
        if (result >= 0 && version.Name != DriverName)
        {
            otherDriver = version.Name;
            result = -Errno.ENODEV;
        }

        if (result < 0)
        {
            file.Dispose();
            file = null;
            return result;
        }

        return 0;
    }

    private static string Explain(string path, int result, string? otherDriver)
    {
        if (otherDriver is not null)
        {
            return $"{path}: its driver is {otherDriver}, not {DriverName}.";
        }

        string help = result switch
        {
            -Errno.EACCES or -Errno.EPERM => "; add the user to the group that owns the node, mostly render",
            -Errno.ENOTTY => "; it is not a DRM node",
            -Errno.ECANCELED => "; the device is wedged: reload its driver or reset it",
            -Errno.EMFILE => "; raise the limit on open files",
            _ => string.Empty,
        };
        return $"{path}: {Errno.Describe(result)}{help}.";
    }
}
