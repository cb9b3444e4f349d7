/** What options do inside a container: options of `run`, and a script that shows their effect; see record-options.ts. */
export interface EffectCase {
  readonly options: string;
  /** For busybox's sh. */
  readonly script: string;
}

export interface Effect extends EffectCase {
  readonly status: number;
  readonly output: string;
}

const status = 'grep -E "^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):" /proc/self/status';
const cgroup = (file: string): string => `cat /sys/fs/cgroup/${file}`;

export const EFFECT_CASES: readonly EffectCase[] = [
  { options: '', script: status },
  {
    options: '',
    script: 'id; hostname | wc -c; cat /proc/sys/kernel/domainname; ulimit -c; umask; env | cut -d= -f1 | sort',
  },
  {
    options: '',
    script:
      'ls /dev | sort; df /dev/shm | tail -1; grep -E " (/proc|/sys|/dev(/[a-z]*)?) " /proc/mounts | cut -d" " -f2-4 | sort',
  },
  { options: '-m 64m', script: cgroup('memory/memory.limit_in_bytes') },
  {
    options: '-m 64m --memory-reservation 32m --memory-swappiness 0',
    script: `${cgroup('memory/memory.soft_limit_in_bytes')} /sys/fs/cgroup/memory/memory.swappiness`,
  },
  { options: '-m 64m --memory-swap 96m', script: cgroup('memory/memory.memsw.limit_in_bytes') },
  { options: '--cpus 1.5', script: `${cgroup('cpu/cpu.cfs_quota_us')} /sys/fs/cgroup/cpu/cpu.cfs_period_us` },
  {
    options: '--cpu-quota 50000 --cpu-period 200000 -c 512',
    script: `${cgroup('cpu/cpu.cfs_quota_us')} /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/cpu/cpu.shares`,
  },
  {
    options: '--cpuset-cpus 1 --cpuset-mems 0',
    script: `${cgroup('cpuset/cpuset.cpus')}; grep Cpus_allowed_list /proc/self/status`,
  },
  { options: '--pids-limit 50', script: cgroup('pids/pids.max') },
  { options: '--oom-kill-disable -m 64m', script: 'grep oom_kill_disable /sys/fs/cgroup/memory/memory.oom_control' },
  { options: '--oom-score-adj 100', script: 'cat /proc/self/oom_score_adj' },
  { options: '--cap-drop ALL', script: status },
  { options: '--cap-drop ALL --cap-add chown', script: `${status}; chown 1:1 /etc && echo changed` },
  { options: '--cap-add NET_ADMIN --cap-drop mknod', script: `${status}; mknod /x c 1 3 || echo refused` },
  {
    options: '--cap-add ALL --cap-drop sys_admin',
    script: 'grep -c . /proc/self/status > /dev/null; unshare -m true || echo refused',
  },
  {
    options: '--privileged',
    script:
      'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; test -w /proc/sys/vm/swappiness && echo writable; ls /dev | grep -c "^loop-control$"; head -c1 /proc/kcore | wc -c',
  },
  { options: '--security-opt no-new-privileges', script: status },
  { options: '--security-opt seccomp=unconfined', script: status },
  {
    options: '--security-opt systempaths=unconfined',
    script: 'test -w /proc/sys/vm/swappiness && echo open; ls /sys/firmware | head -1',
  },
  { options: '-u 1000:1000', script: `id; ${status}` },
  { options: '-u 1000 --group-add 44 --group-add 7', script: 'id' },
  {
    options: '--device /dev/null:/dev/xnull:r --device /dev/zero:/dev/xzero',
    script: 'ls -l /dev/xnull | cut -c1-10; head -c4 /dev/xzero | wc -c; (echo x > /dev/xnull) 2>&1 | cut -c1-9',
  },
  {
    options: '--device-cgroup-rule c~1:11~rwm --cap-add SYSLOG',
    script: 'mknod /kmsg c 1 11 && head -c0 /kmsg && echo opened',
  },
  {
    options: '--ulimit nofile=100:200 --ulimit nproc=50',
    script: 'ulimit -n; ulimit -Hn; grep -E "open files|processes" /proc/self/limits',
  },
  {
    options: '--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=4096',
    script: 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax',
  },
  { options: '--read-only', script: 'touch /x || echo refused; touch /dev/shm/x && echo written' },
  { options: '--shm-size 32m', script: 'df /dev/shm | tail -1' },
  { options: '--ipc none', script: 'grep -c shm /proc/mounts' },
  { options: '--init', script: 'cat /proc/1/comm; echo $PPID' },
  {
    options: '-h hh --domainname dd.example',
    script: 'hostname; cat /proc/sys/kernel/domainname; echo $HOSTNAME; cat /etc/hostname',
  },
  { options: '--pid host', script: 'test -d /proc/2 && cat /proc/2/comm' },
  { options: '--uts host', script: 'test "$(hostname)" = "$(cat /proc/sys/kernel/hostname)" && echo same' },
  { options: '--add-host a:1.2.3.4 --add-host b=[::1]', script: 'grep -E "[[:space:]](a|b)$" /etc/hosts' },
  {
    options: '--dns 9.9.9.9 --dns-search x.y --dns-option ndots:3',
    script: 'grep -vE "^(#|$)" /etc/resolv.conf | sort',
  },
  { options: '-e A=1 -e B -e C=', script: 'env | grep -E "^[ABC]=" | sort' },
  { options: '-w /does/not/exist', script: 'pwd' },
  { options: '--tmpfs /t', script: 'grep " /t " /proc/mounts | cut -d" " -f2-4; stat -c "%a %u" /t' },
  {
    options: '--tmpfs /t:size=1m,mode=700,uid=7,exec',
    script: 'grep " /t " /proc/mounts | cut -d" " -f2-4; stat -c "%a %u" /t',
  },
  {
    options: '--mount type=tmpfs,dst=/mt,tmpfs-size=2m,tmpfs-mode=0711',
    script: 'grep " /mt " /proc/mounts | cut -d" " -f2-4; stat -c "%a %u" /mt',
  },
  { options: '--mount type=tmpfs,dst=/mt,readonly', script: 'touch /mt/x || echo refused' },
  {
    options: '-v /proc/fs:/b:ro',
    script: 'touch /b/x || echo refused; grep " /b " /proc/mounts | cut -d" " -f4 | cut -d, -f1',
  },
  { options: '-v /usr/share/doc:/b:ro,z', script: 'ls /b > /dev/null; touch /b/x 2>&1' },
  { options: '--mount type=bind,src=/usr/share/doc,dst=/b,readonly', script: 'ls /b > /dev/null; touch /b/x 2>&1' },
  { options: '--mount type=bind,src=/sys,dst=/b,bind-nonrecursive,ro', script: 'grep -c " /b" /proc/mounts' },
  { options: '-v /etc', script: 'ls /etc | head -3; touch /etc/new && echo written' },
  { options: '--mount type=volume,dst=/etc,volume-nocopy', script: 'ls /etc/passwd' },
  {
    options: '--mount type=volume,dst=/w,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m',
    script: 'grep " /w " /proc/mounts | cut -d" " -f2-3; df /w | tail -1 | tr -s " " | cut -d" " -f2',
  },
  { options: '-v /vol/../other/', script: 'test -d /other && echo there; test -d /vol || echo none' },
];
