using System.Globalization;

namespace XeSvm.Interop.Kernel;

/// <summary>The debug files of one device, and the text about the kernel that has the name <c>backend</c>.</summary>
internal sealed class KernelDebugFiles(KernelPaths paths, DrmNode node)
{
    /// <summary>Reads a debug file, or says why that is not possible.</summary>
    internal DrmDebugText Read(string name)
    {
        if (name == "backend")
        {
            return DrmDebugText.Of(DescribeBackend());
        }

        if (!IsBelowFolder(name))
        {
            return DrmDebugText.Unavailable(
                $"'{name}' is not the name of a debug file: names are paths below the device's folder, such as gt0/stats.");
        }

        int worst = -Errno.ENOENT;
        foreach (string folder in Folders())
        {
            int result = PseudoFile.Read(Path.Combine(folder, name), out string text);
            if (result >= 0)
            {
                return DrmDebugText.Of(text);
            }

            worst = result == -Errno.ENOENT ? worst : result;
        }

        return DrmDebugText.Unavailable(Explain(name, worst));
    }

    private static bool IsBelowFolder(string name)
    {
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal))
        {
            return false;
        }

        foreach (string part in name.Split('/'))
        {
            if (part is "" or "." or "..")
            {
                return false;
            }
        }

        return true;
    }

    // The folder of the render node came with per-minor folders; since they are links to one folder per device, that one is named
    // after the bus address (drm_debugfs.c). A driver that fills its folder through the primary node is found by that one's number.
    private IEnumerable<string> Folders()
    {
        string root = Path.Combine(paths.Debugfs, "dri");
        yield return Path.Combine(root, node.Minor.ToString(CultureInfo.InvariantCulture));
        if (node.BusAddress.Length != 0)
        {
            yield return Path.Combine(root, node.BusAddress);
        }

        int primary = KernelDevice.PrimaryMinor(paths, node.Minor);
        if (primary >= 0)
        {
            yield return Path.Combine(root, primary.ToString(CultureInfo.InvariantCulture));
        }
    }

    private string Explain(string name, int result)
    {
        string root = Path.Combine(paths.Debugfs, "dri");
        if (result is -Errno.EACCES or -Errno.EPERM)
        {
            return $"{root} may be read by root only ({Errno.Describe(result)}): run as root.";
        }

        if (result != -Errno.ENOENT)
        {
            return $"{name} cannot be read below {root}: {Errno.Describe(result)}.";
        }

        return Directory.Exists(root)
            ? $"The kernel's driver has no debug file {name} for {node.Path} below {root}."
            : $"{root} does not exist: debugfs is not mounted (mount -t debugfs none {paths.Debugfs}), or the kernel has none.";
    }

    private string DescribeBackend()
    {
        string group = Path.Combine(KernelDevice.Folder(paths, node.Minor), "iommu_group", "type");
        (string Name, string Value)[] lines =
        [
            ("backend", "kernel"),
            ("kernel_release", FirstLine(Path.Combine(paths.Procfs, "sys", "kernel", "osrelease"))),
            ("node", node.Path),
            ("bus_address", node.BusAddress.Length == 0 ? "unknown" : node.BusAddress),
            ("iommu_group_type", FirstLine(group)),
        ];
        return string.Concat(lines.Select(line => $"{line.Name}: {line.Value}\n"));
    }

    private static string FirstLine(string path)
    {
        int result = PseudoFile.Read(path, out string text);
        return result < 0 ? $"unknown, {path}: {Errno.Describe(result)}" : text.Split('\n', 2)[0].Trim();
    }
}
