import type { Fault } from './fault.ts';

/** Of servers. */
export const SERVER_FAULTS: readonly Fault[] = [
  {
    name: 'last-part-short',
    side: 'server',
    base: 'line.py',
    about: 'the last part lacks its last byte',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'datagram-format',
      'last-byte',
    ],
    from: "b':' + self.parts[number]",
    to: "b':' + self.parts[number][: -1 if number == len(self.parts) - 1 else None]",
  },
  {
    name: 'count-rounded-down',
    side: 'server',
    base: 'line.py',
    about: 'announces only the full parts',
    loses: [
      'size-one-byte',
      'size-one-part-and-a-byte',
      'size-many-parts',
      'binary',
      'datagram-format',
      'last-byte',
    ],
    from: "self.send(f'|{len(parts)}')",
    to: "self.send(f'|{len(data) // PART_SIZE}')",
  },
  {
    name: 'numbered-from-one',
    side: 'server',
    base: 'line.py',
    about: 'numbers the parts from 1',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'last-byte',
      'pause',
      'proceed',
      'stop-at-half',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'resends-what-was-asked',
      'answers-all-numbers',
      'resends-in-pause',
      'two-downloads',
      'wrong-numbers',
      'vanishing-download',
    ],
    from: "struct.pack('>I', number)",
    to: "struct.pack('>I', number + 1)",
  },
  {
    name: 'no-colon',
    side: 'server',
    base: 'line.py',
    about: 'no colon behind the number',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'datagram-format',
      'last-byte',
      'pause',
      'proceed',
      'stop-at-half',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'resends-what-was-asked',
      'answers-all-numbers',
      'resends-in-pause',
      'two-downloads',
      'wrong-numbers',
      'vanishing-download',
    ],
    from: "struct.pack('>I', number) + b':' + ",
    to: "struct.pack('>I', number) + ",
  },
  {
    name: 'text-mode',
    side: 'server',
    base: 'line.py',
    about: 'reads the file as text, which changes line ends and binary data',
    loses: ['binary'],
    from: `            with open(os.path.join(FOLDER, name), 'rb') as file:
                data = file.read()
`,
    to: `            with open(os.path.join(FOLDER, name), encoding='utf-8', errors='replace') as file:
                data = file.read().encode()
`,
  },
  {
    name: 'no-pause',
    side: 'server',
    base: 'line.py',
    about: 'sends the whole file without asking',
    loses: ['pause', 'stop-at-half'],
    from: 'self.proceed = len(parts) < 2  # too short for a pause',
    to: 'self.proceed = True',
  },
  {
    name: 'proceed-brings-nothing',
    side: 'server',
    base: 'line.py',
    about: 'sends the second half only when it is asked for, part by part',
    loses: ['proceed'],
    from: '                        self.proceed = True\n',
    to: '                        self.proceed = True\n                        following = len(self.parts)\n',
  },
  {
    name: 'ends-with-a-client',
    side: 'server',
    base: 'line.py',
    about: 'ends when a client leaves',
    loses: [
      'all-ports',
      'disconnect-leaves-list',
      'vanishing-client',
      'places-are-freed',
      'long-message',
      'wrong-port',
      'vanishing-download',
      'closes-sockets',
    ],
    from: '            del online[name]\n',
    to: '            del online[name]\n        os._exit(1)\n',
  },
  {
    name: 'bytes-announced',
    side: 'server',
    base: 'line.py',
    about: 'tells the number of bytes instead of that of the parts',
    loses: [
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'datagram-format',
      'last-byte',
      'pause',
      'proceed',
      'stop-at-half',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'resends-what-was-asked',
      'answers-all-numbers',
      'resends-in-pause',
      'two-downloads',
      'others-while-one-downloads',
      'wrong-numbers',
      'vanishing-download',
      'closes-sockets',
    ],
    from: "self.send(f'|{len(parts)}')",
    to: "self.send(f'|{len(data)}')",
  },
  {
    name: 'late-pause',
    side: 'server',
    base: 'line.py',
    about: 'pauses at 90 % only',
    loses: ['pause'],
    from: 'self.half = len(parts) // 2',
    to: 'self.half = len(parts) * 9 // 10',
  },
  {
    name: 'impatient-pause',
    side: 'server',
    base: 'line.py',
    about: 'goes on by itself after a second of the pause',
    loses: ['pause'],
    from: `                busy = again or following < self.limit()
`,
    to: `                if following == self.half and time.monotonic() - heard > 1:
                    self.proceed = True
                busy = again or following < self.limit()
`,
  },
  {
    name: 'any-answer-proceeds',
    side: 'server',
    base: 'line.py',
    about: 'goes on whatever the user answers at the pause',
    loses: ['stop-at-half'],
    from: `                    elif message and not self.proceed:
                        self.end('download stopped')
                        return
`,
    to: `                    elif message:
                        self.proceed = True
`,
  },
  {
    name: 'resends-all',
    side: 'server',
    base: 'line.py',
    about: 'sends everything again when some parts are asked for',
    loses: ['resends-what-was-asked'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend(range(self.limit()))',
  },
  {
    name: 'resends-neighbour',
    side: 'server',
    base: 'line.py',
    about: 'sends the next part, too, for each one that is asked for',
    loses: ['resends-what-was-asked'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend(n + i for n in numbers for i in (0, 1) if n + i < self.limit())',
  },
  {
    name: 'resends-twice',
    side: 'server',
    base: 'line.py',
    about: 'sends each part that is asked for twice',
    loses: ['resends-what-was-asked'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend([n for n in numbers if n < self.limit()] * 2)',
  },
  {
    name: 'last-never-again',
    side: 'server',
    base: 'line.py',
    about: 'never sends the last part again',
    loses: ['lost-last-datagram'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend(n for n in numbers if n < self.limit() - 1)',
  },
  {
    name: 'answers-first-request-only',
    side: 'server',
    base: 'line.py',
    about: 'sends again only what the first message asks for',
    loses: ['lost-every-third', 'lost-heavy-loss', 'lost-burst', 'lost-stubborn', 'wrong-numbers'],
    from: `                        if len(again) < MAX_WAITING:
                            again`,
    to: `                        if not hasattr(self, 'asked'):
                            self.asked = True
                            again`,
  },
  {
    name: 'second-half-in-pause',
    side: 'server',
    base: 'line.py',
    about: 'sends parts of the second half during the pause when they are asked for',
    loses: ['resends-in-pause'],
    from: 'again.extend(n for n in numbers if n < self.limit())',
    to: 'again.extend(n for n in numbers if n < len(self.parts))',
  },
  {
    name: 'bad-number-kills-download',
    side: 'server',
    base: 'line.py',
    about: 'a number that is none ends the thread of the download',
    loses: ['wrong-numbers'],
    from: '[int(word) for word in words if word.isdecimal() and len(word) < 10]',
    to: '[int(word) for word in words]',
  },
  {
    name: 'wrong-udp-port',
    side: 'server',
    base: 'line.py',
    about: 'sends to the port behind the one that the client said',
    loses: [
      'size-one-byte',
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'datagram-format',
      'last-byte',
      'pause',
      'proceed',
      'stop-at-half',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'resends-what-was-asked',
      'answers-all-numbers',
      'resends-in-pause',
      'two-downloads',
      'wrong-numbers',
      'vanishing-download',
    ],
    from: 'self.transfer((self.client.ip, port))',
    to: 'self.transfer((self.client.ip, port + 1))',
  },
  {
    name: 'last-port-missing',
    side: 'server',
    base: 'line.py',
    about: 'does not serve port 55015',
    loses: ['all-ports', 'fifteen-on-a-port'],
    from: 'range(FIRST_PORT, LAST_PORT + 1)',
    to: 'range(FIRST_PORT, LAST_PORT)',
  },
  {
    name: 'one-client-per-port',
    side: 'server',
    base: 'line.py',
    about: "serves a port's clients one after the other",
    loses: [
      'connect-announced',
      'name-taken',
      'disconnect-leaves-list',
      'vanishing-client',
      'users',
      'users-before-connect',
      'message-to-all',
      'message-to-one',
      'two-downloads',
      'others-while-one-downloads',
      'fifteen-on-a-port',
      'junk',
      'long-message',
      'wrong-port',
      'path-in-name',
    ],
    from: `            threading.Thread(target=client.serve, args=(slots,), daemon=True).start()
`,
    to: `            client.serve(slots)
`,
  },
  {
    name: 'name-kept-after-break',
    side: 'server',
    base: 'line.py',
    about: 'the name stays taken when a connection breaks',
    loses: ['vanishing-client'],
    from: `                self.download.inbox.put(None)
            self.leave()
`,
    to: `                self.download.inbox.put(None)
`,
  },
  {
    name: 'disconnect-keeps-tcp',
    side: 'server',
    base: 'line.py',
    about: 'does not close the connection after disconnect',
    loses: ['disconnect'],
    from: `                    self.send('disconnected')
                    break
`,
    to: `                    self.send('disconnected')
                    continue
`,
  },
  {
    name: 'users-need-login',
    side: 'server',
    base: 'line.py',
    about: 'get_users only for clients with a name',
    loses: ['users-before-connect'],
    from: "if line == 'get_users':",
    to: "if line == 'get_users' and self.name is not None:",
  },
  {
    name: 'msg-all-to-self',
    side: 'server',
    base: 'line.py',
    about: 'a message to all comes to its sender only',
    loses: ['message-to-all'],
    from: "to_all(f'{self.name} (to all): {rest}')",
    to: "self.send(f'{self.name} (to all): {rest}')",
  },
  {
    name: 'absent-target-breaks',
    side: 'server',
    base: 'line.py',
    about: "a message to somebody who is not there ends the sender's connection",
    loses: ['message-to-nobody'],
    from: 'receiver = online.get(target)',
    to: 'receiver = online[target]',
  },
  {
    name: 'not-found-breaks',
    side: 'server',
    base: 'line.py',
    about: 'a file that is not there ends the connection without an answer',
    loses: ['file-not-found'],
    from: `        except OSError:
            self.send("Can't download. File not found")
            return
`,
    to: `        except UnicodeError:
            self.send("Can't download. File not found")
            return
`,
  },
  {
    name: 'outside-folder',
    side: 'server',
    base: 'line.py',
    about: 'offers files outside of the folder by ../',
    loses: ['path-in-name'],
    from: 'if name not in list_files():',
    to: 'if not os.path.isfile(os.path.join(FOLDER, name)):',
  },
  {
    name: 'thread-goes-on',
    side: 'server',
    base: 'line.py',
    about: 'thread and socket of a download stay for 30 s after stop',
    loses: ['closes-sockets'],
    from: `                        self.report()
                        return
`,
    to: `                        self.report()
`,
  },
  {
    name: 'first-byte-told',
    side: 'server',
    base: 'line.py',
    about: 'tells the first byte of the file instead of the last',
    loses: ['last-byte'],
    from: 'last = self.parts[-1][-1] if',
    to: 'last = self.parts[0][0] if',
  },
  {
    name: 'stop-unanswered',
    side: 'server',
    base: 'line.py',
    about: 'says nothing after stop',
    loses: ['last-byte'],
    from: `                        self.report()
                        return
`,
    to: `                        self.end(None)
                        return
`,
  },
  {
    name: 'truncated',
    side: 'server',
    base: 'line.py',
    about: 'reads no more than 100 parts of a file',
    loses: ['size-many-parts'],
    from: 'data = file.read()',
    to: 'data = file.read(100 * PART_SIZE)',
  },
  {
    name: 'empty-file-crash',
    side: 'server',
    base: 'line.py',
    about: 'looks for the last byte of an empty file',
    loses: ['size-empty'],
    from: "last = self.parts[-1][-1] if self.parts else 'none'",
    to: 'last = self.parts[-1][-1]',
  },
  {
    name: 'connected-missing',
    side: 'server',
    base: 'line.py',
    about: 'does not say connected',
    loses: ['connect'],
    from: `        self.send('connected')
`,
    to: '',
  },
  {
    name: 'one-port',
    side: 'server',
    base: 'bare.py',
    about: 'serves port 55000 only',
    loses: ['all-ports', 'fifteen-on-a-port', 'places-are-freed'],
    from: 'PORTS = range(55000, 55016)',
    to: 'PORTS = range(55000, 55001)',
  },
  {
    name: 'one-download',
    side: 'server',
    base: 'bare.py',
    about: 'one download at a time: the others wait for its end',
    loses: ['two-downloads'],
    from: `    def run(self):
        try:
            self.send_parts(range(self.half))
            if not self.proceeded:
                self.wait_for_proceed()
            self.send_parts(range(self.half, len(self.parts)))
            # the client's thread answers what is asked for again
            while not self.over.wait(0.5):
                if time.monotonic() - self.active > TIMEOUT:
                    self.owner.finish_download(self)
                    self.owner.send("Can't download. Client does not answer")
        finally:
            self.udp.close()
`,
    to: `    def run(self, lock=threading.Lock()):
        try:
            with lock:
                self.send_parts(range(self.half))
                if not self.proceeded:
                    self.wait_for_proceed()
                self.send_parts(range(self.half, len(self.parts)))
                # the client's thread answers what is asked for again
                while not self.over.wait(0.5):
                    if time.monotonic() - self.active > TIMEOUT:
                        self.owner.finish_download(self)
                        self.owner.send("Can't download. Client does not answer")
        finally:
            self.udp.close()
`,
  },
  {
    name: 'name-never-free',
    side: 'server',
    base: 'bare.py',
    about: 'a name is never free again',
    loses: ['disconnect-leaves-list', 'vanishing-client'],
    from: `            del clients[name]
`,
    to: `            clients.pop(self.name, None)
`,
  },
  {
    name: 'place-never-free',
    side: 'server',
    base: 'bare.py',
    about: 'a port serves 15 clients and then no more, though they have left',
    loses: ['fifteen-on-a-port', 'places-are-freed'],
    from: `            self.sock.close()
            places.release()
`,
    to: `            self.sock.close()
`,
  },
  {
    name: 'parts-too-long',
    side: 'server',
    base: 'bare.py',
    about: 'parts of 2048 bytes',
    loses: ['size-one-part-and-a-byte', 'datagram-format'],
    from: 'DATA_SIZE = 2043',
    to: 'DATA_SIZE = 2048',
  },
  {
    name: 'requests-from-one',
    side: 'server',
    base: 'bare.py',
    about: 'takes the numbers that are asked for as numbers from 1',
    loses: [
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'last-byte',
      'pause',
      'proceed',
      'stop-at-half',
      'lost-first-datagram',
      'lost-last-datagram',
      'lost-every-third',
      'lost-heavy-loss',
      'lost-burst',
      'lost-stubborn',
      'resends-what-was-asked',
      'answers-all-numbers',
      'resends-in-pause',
      'two-downloads',
      'wrong-numbers',
      'vanishing-download',
    ],
    from: '[number for number in numbers if number < end]',
    to: '[number - 1 for number in numbers if 0 < number <= end]',
  },
  {
    name: 'empty-file-breaks',
    side: 'server',
    base: 'bare.py',
    about: 'asking for an empty file ends the connection',
    loses: ['size-empty'],
    from: "data[-1] if data else 'none'",
    to: 'data[-1]',
  },
  {
    name: 'ignores-sigint',
    side: 'server',
    base: 'bare.py',
    about: 'Ctrl-C does not end it',
    loses: ['ends'],
    from: 'signal.signal(signal.SIGINT, leave)',
    to: 'signal.signal(signal.SIGINT, signal.SIG_IGN)',
  },
  {
    name: 'any-address',
    side: 'server',
    base: 'original.pl',
    about: 'sends to any address that a client says',
    loses: ['address-of-another'],
    from: 'if ($port && $port < 65536 && $ip eq $client->{ip}) {',
    to: 'if ($port && $port < 65536 && inet_aton($ip)) {',
  },
  {
    name: 'five-per-port',
    side: 'server',
    base: 'original.pl',
    about: 'five clients per port only',
    loses: ['fifteen-on-a-port'],
    from: 'my $MAX_CLIENTS = 15; ',
    to: 'my $MAX_CLIENTS = 5; ',
  },
  {
    name: 'name-taken-twice',
    side: 'server',
    base: 'original.pl',
    about: 'two clients can have the same name',
    loses: ['name-taken'],
    from: '} elsif (find_user($name)) {',
    to: '} elsif (grep { $_ eq $name } @online) {',
  },
  {
    name: 'not-found-silent',
    side: 'server',
    base: 'original.pl',
    about: 'says nothing when a file is not there',
    loses: ['file-not-found'],
    from: 'return say_to($client, "Can\'t download. File not found");',
    to: 'return;',
  },
  {
    name: 'leaks-udp',
    side: 'server',
    base: 'original.pl',
    about: 'keeps the UDP socket of every download open',
    loses: ['closes-sockets'],
    from: `        delete $downloads{ fileno $download->{udp} };
        close $download->{udp};
`,
    to: `        $download->{limit} = $download->{next};
`,
  },
  {
    name: 'line-ends-changed',
    side: 'server',
    base: 'original.pl',
    about: 'reads the file as text, which loses carriage returns',
    loses: ['binary'],
    from: "'<:raw'",
    to: "'<:crlf'",
  },
  {
    name: 'no-pause',
    side: 'server',
    base: 'original.pl',
    about: 'sends the whole file without asking',
    loses: ['pause', 'stop-at-half'],
    from: 'limit => $pause || $count, ',
    to: 'limit => $count, ',
  },
  {
    name: 'one-part-too-many',
    side: 'server',
    base: 'events.py',
    about: 'announces one part too many for multiples of 2043 bytes',
    loses: ['size-one-part', 'size-two-parts', 'size-empty'],
    from: 'self.count = (len(data) + CHUNK - 1) // CHUNK',
    to: 'self.count = len(data) // CHUNK + 1',
  },
  {
    name: 'first-number-only',
    side: 'server',
    base: 'events.py',
    about: 'sends only the first part of a list again',
    loses: ['answers-all-numbers'],
    from: 'for number in numbers if number < self.limit()',
    to: 'for number in numbers[:1] if number < self.limit()',
  },
  {
    name: 'private-to-all',
    side: 'server',
    base: 'events.py',
    about: 'a private message goes to everybody',
    loses: ['message-to-one'],
    from: "users[target].say(f'{self.name}: {data}')",
    to: "tell_all(f'{self.name}: {data}')",
  },
  {
    name: 'download-without-login',
    side: 'server',
    base: 'events.py',
    about: 'sends files to clients without a name',
    loses: ['needs-connect'],
    from: `        if self.name is None:
            self.say("Can't download. Need to log in first")
        elif self.download:
`,
    to: `        if self.download:
`,
  },
  {
    name: 'leaks-udp',
    side: 'server',
    base: 'events.py',
    about: 'keeps the UDP socket of every download open',
    loses: ['closes-sockets'],
    from: `            selector.unregister(self.udp)
            self.udp.close()
            self.udp = None
`,
    to: `            pass
`,
  },
  {
    name: 'junk-ends-server',
    side: 'server',
    base: 'events.py',
    about: 'bytes that are no UTF-8 end the whole server',
    loses: ['junk'],
    from: ".decode('utf-8', 'replace')",
    to: ".decode('utf-8')",
  },
  {
    name: 'one-line-per-read',
    side: 'server',
    base: 'events.py',
    about: 'loses the second of two lines that come together',
    loses: ['two-messages-at-once'],
    from: 'for line in lines:',
    to: 'for line in lines[:1]:',
  },
  {
    name: 'file-list-needs-login',
    side: 'server',
    base: 'events.py',
    about: 'get_list_file only for clients with a name',
    loses: ['files'],
    from: "elif line == 'get_list_file':",
    to: "elif line == 'get_list_file' and self.name:",
  },
  {
    name: 'byte-lost',
    side: 'server',
    base: 'events.py',
    about: 'loses the last byte of every full part',
    loses: [
      'size-one-part',
      'size-one-part-and-a-byte',
      'size-two-parts',
      'size-many-parts',
      'binary',
      'datagram-format',
    ],
    from: '(number + 1) * CHUNK]',
    to: '(number + 1) * CHUNK - 1]',
  },
];
