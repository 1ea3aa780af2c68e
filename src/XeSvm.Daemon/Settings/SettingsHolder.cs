namespace XeSvm.Daemon.Settings;

/// <summary>The settings in force. A reload takes all of the new ones, or leaves all of the old ones.</summary>
internal sealed class SettingsHolder
{
    private readonly SettingsLoader _loader;
    private readonly Lock _telling = new();
    private Action<DaemonSettings>? _changed;
    private LoadedSettings _loaded;

    internal SettingsHolder(SettingsLoader loader)
    {
        _loader = loader;
        _loaded = loader.Load();
    }

    /// <summary>
    /// Told after a reload that changed something, on the thread that reloads. Who has gone is not told any more: going waits for a telling that
    /// is under way.
    /// </summary>
    internal event Action<DaemonSettings> Changed
    {
        add
        {
            lock (_telling)
            {
                _changed += value;
            }
        }

        remove
        {
            lock (_telling)
            {
                _changed -= value;
            }
        }
    }

    internal LoadedSettings Loaded => Volatile.Read(ref _loaded);

    internal DaemonSettings Current => Loaded.Settings;

    /// <summary>Reads the configuration again.</summary>
    /// <returns>The keys whose values changed.</returns>
    /// <exception cref="SettingsException">Something is wrong with it, or needs a restart; the old settings stay in force.</exception>
    internal IReadOnlyList<string> Reload()
    {
        LoadedSettings old = Loaded;
        LoadedSettings loaded = _loader.Load();
        List<string> changed = [];
        List<string> errors = [];
        foreach (Setting setting in SettingTable.All)
        {
            string value = loaded.ValueOf(setting);
            if (value == old.ValueOf(setting))
            {
                continue;
            }

            changed.Add(setting.Key);
            if (!setting.Reloadable)
            {
                errors.Add($"{loaded.Origins.GetValueOrDefault(setting.Key, "default")}: {setting.Key} cannot be changed to '{value}' while the daemon runs: restart it.");
            }
        }

        if (errors.Count > 0)
        {
            throw new SettingsException(errors);
        }

        Volatile.Write(ref _loaded, loaded);
        if (changed.Count > 0)
        {
            lock (_telling)
            {
                _changed?.Invoke(loaded.Settings);
            }
        }

        return changed;
    }
}
