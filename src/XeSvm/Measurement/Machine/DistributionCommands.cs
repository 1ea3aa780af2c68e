namespace XeSvm.Measurement;

/// <summary>The commands by which a distribution installs kernels and sets their parameters.</summary>
/// <param name="InstallKernel">Installs the newest kernel that the distribution has.</param>
/// <param name="AddParameter">Adds a parameter to the command line of the kernel; <c>{0}</c> stands for it.</param>
/// <param name="RemoveParameter">Takes a parameter away.</param>
internal sealed record DistributionCommands(string InstallKernel, string AddParameter, string RemoveParameter)
{
    private const string GrubAdd = "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&{0} /' /etc/default/grub";
    private const string GrubRemove = "sudo sed -i 's/ *{0}//' /etc/default/grub";

    private static readonly DistributionCommands s_debian = new(
        "sudo apt-get install -t $(. /etc/os-release; echo $VERSION_CODENAME)-backports linux-image-amd64",
        GrubAdd + " && sudo update-grub",
        GrubRemove + " && sudo update-grub");

    private static readonly Dictionary<string, DistributionCommands> s_known = new(StringComparer.Ordinal)
    {
        ["debian"] = s_debian,
        ["ubuntu"] = s_debian with { InstallKernel = "sudo apt-get install linux-generic-hwe-$(. /etc/os-release; echo $VERSION_ID)" },
        ["fedora"] = new(
            "sudo dnf upgrade --refresh kernel", "sudo grubby --update-kernel=ALL --args='{0}'", "sudo grubby --update-kernel=ALL --remove-args='{0}'"),
        ["arch"] = new(
            "sudo pacman -Syu linux", GrubAdd + " && sudo grub-mkconfig -o /boot/grub/grub.cfg", GrubRemove + " && sudo grub-mkconfig -o /boot/grub/grub.cfg"),
        ["suse"] = new(
            "sudo zypper dup", GrubAdd + " && sudo grub2-mkconfig -o /boot/grub2/grub.cfg", GrubRemove + " && sudo grub2-mkconfig -o /boot/grub2/grub.cfg"),
    };

    /// <summary>The commands of a machine's distribution (os-release(5): its name, else those that it is like); of Debian where nothing is known.</summary>
    internal static DistributionCommands Of(MachinePaths paths)
    {
        string[] lines = MachinePaths.ReadLines(Path.Combine(paths.Etc, "os-release"));
        string[] names = [.. Values(lines, "ID="), .. Values(lines, "ID_LIKE=")];
        return names.Select(name => s_known.GetValueOrDefault(name)).FirstOrDefault(known => known is not null) ?? s_debian;
    }

    /// <summary>Adds a parameter, and starts the machine again.</summary>
    internal string WithParameter(string parameter) => AddParameter.Replace("{0}", parameter, StringComparison.Ordinal) + " && sudo reboot";

    /// <summary>Takes a parameter away, adds another, and starts the machine again.</summary>
    internal string WithParameterInsteadOf(string gone, string parameter) =>
        $"{RemoveParameter.Replace("{0}", gone, StringComparison.Ordinal)} && {WithParameter(parameter)}";

    private static IEnumerable<string> Values(string[] lines, string key) =>
        lines.Where(line => line.StartsWith(key, StringComparison.Ordinal)).SelectMany(line => line[key.Length..].Trim('"', '\'').Split(' '));
}
