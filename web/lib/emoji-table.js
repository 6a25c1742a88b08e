/**
 * Emoji and their names: one a line, `char name other-name…`, the most used name first.
 * Data only; `lib/emoji.js` reads it.
 */
export const EMOJI = `
😀 grinning
😃 smiley
😄 smile
😁 grin
😆 laughing satisfied
😅 sweat_smile
🤣 rofl
😂 joy
🙂 slight_smile
🙃 upside_down
🫠 melting
😉 wink
😊 blush
😇 innocent angel_face
🥰 smiling_hearts
😍 heart_eyes
🤩 star_struck
😘 kissing_heart
😗 kissing
😋 yum
😛 stuck_out_tongue
😜 winking_tongue
🤪 zany
😝 squinting_tongue
🤑 money_mouth
🤗 hug hugs
🤭 hand_over_mouth
🫢 gasp
🤫 shush
🤔 thinking
🫡 salute
🤐 zipper_mouth
🤨 raised_eyebrow
😐 neutral
😑 expressionless
😶 no_mouth
😏 smirk
😒 unamused
🙄 roll_eyes
😬 grimacing
😮‍💨 exhale
🤥 lying
😌 relieved
😔 pensive
😪 sleepy
🤤 drooling
😴 sleeping
😷 mask
🤒 thermometer_face
🤕 bandage_face
🤢 nauseated
🤮 vomiting
🤧 sneezing
🥵 hot
🥶 cold
🥴 woozy
😵 dizzy_face
🤯 exploding_head mind_blown
🤠 cowboy
🥳 partying
🥸 disguised
😎 sunglasses cool
🤓 nerd
🧐 monocle
😕 confused
🫤 diagonal_mouth
😟 worried
🙁 slight_frown
😮 open_mouth
😯 hushed
😲 astonished
😳 flushed
🥺 pleading
🥹 holding_tears
😦 frowning
😨 fearful
😰 cold_sweat
😥 sad_relieved
😢 cry
😭 sob
😱 scream
😖 confounded
😣 persevere
😞 disappointed
😓 sweat
😩 weary
😫 tired
🥱 yawn yawning
😤 triumph
😡 rage
😠 angry
🤬 cursing
😈 smiling_imp
👿 imp
💀 skull
💩 poop
🤡 clown
👹 ogre
👻 ghost
👽 alien
👾 space_invader
🤖 robot
😺 smile_cat
😹 joy_cat
😻 heart_eyes_cat
🙈 see_no_evil
🙉 hear_no_evil
🙊 speak_no_evil
💋 kiss
💌 love_letter
💘 cupid
💖 sparkling_heart
💗 heartbeat
💕 two_hearts
💔 broken_heart
❤️ heart
🧡 orange_heart
💛 yellow_heart
💚 green_heart
💙 blue_heart
💜 purple_heart
🤎 brown_heart
🖤 black_heart
🤍 white_heart
💯 100 hundred
💢 anger
💥 boom collision
💫 dizzy
💦 sweat_drops
💨 dash
💬 speech_balloon
💭 thought_balloon
💤 zzz
👋 wave
🤚 back_of_hand
🖐️ open_hand
✋ raised_hand hand
🖖 vulcan
👌 ok_hand
🤌 pinched_fingers
🤏 pinching
✌️ v victory
🤞 crossed_fingers
🫰 snap
🤟 love_you
🤘 metal horns
🤙 call_me
👈 point_left
👉 point_right
👆 point_up
👇 point_down
👍 thumbsup +1 yes
👎 thumbsdown -1 no
✊ fist
👊 punch
👏 clap
🙌 raised_hands
🫶 heart_hands
👐 open_hands
🤲 palms_up
🤝 handshake
🙏 pray thanks please
✍️ writing
💅 nail_care
🤳 selfie
💪 muscle strong
🧠 brain
👀 eyes
👁️ eye
👅 tongue
👂 ear
👃 nose
👶 baby
🧒 child
👦 boy
👧 girl
🧑 person
👨 man
👩 woman
🧓 older_person
🙋 raising_hand
🙇 bow
🤦 facepalm
🤷 shrug
👮 police
🕵️ detective
👷 construction_worker
🧙 mage wizard
🧛 vampire
🧜 merperson
🧟 zombie
🏃 runner run
🚶 walking
💃 dancer dance
🕺 man_dancing
🧘 yoga
👥 people
🗣️ speaking
🐶 dog
🐱 cat
🐭 mouse
🐹 hamster
🐰 rabbit
🦊 fox
🐻 bear
🐼 panda
🐨 koala
🐯 tiger
🦁 lion
🐮 cow
🐷 pig
🐸 frog
🐵 monkey
🐔 chicken
🐧 penguin
🐦 bird
🐤 chick
🦆 duck
🦅 eagle
🦉 owl
🦇 bat
🐺 wolf
🐴 horse
🦄 unicorn
🐝 bee
🐛 bug
🦋 butterfly
🐌 snail
🐞 ladybug
🐜 ant
🕷️ spider
🐢 turtle
🐍 snake
🦎 lizard
🦖 t_rex
🐙 octopus
🦑 squid
🦀 crab ferris
🦞 lobster
🐡 blowfish
🐠 tropical_fish
🐟 fish
🐬 dolphin
🐳 whale
🦈 shark
🐘 elephant
🐪 camel
🐑 sheep
🐾 paw_prints
🦥 sloth
🦔 hedgehog
🌵 cactus
🎄 christmas_tree
🌲 evergreen
🌳 tree
🌴 palm_tree
🌱 seedling
🌿 herb
🍀 four_leaf_clover luck
🍂 fallen_leaf
🍄 mushroom
🌹 rose
🌷 tulip
🌻 sunflower
🌸 cherry_blossom
💐 bouquet
🌍 earth globe
🌙 moon
⭐ star
🌟 glowing_star
✨ sparkles
⚡ zap lightning
☄️ comet
🔥 fire
🌈 rainbow
☀️ sunny sun
⛅ partly_sunny
☁️ cloud
🌧️ rain
⛈️ storm
❄️ snowflake
☃️ snowman
💧 droplet
🌊 ocean
☔ umbrella
🍏 green_apple
🍎 apple
🍐 pear
🍊 orange
🍋 lemon
🍌 banana
🍉 watermelon
🍇 grapes
🍓 strawberry
🫐 blueberries
🍒 cherries
🍑 peach
🥭 mango
🍍 pineapple
🥥 coconut
🥝 kiwi
🍅 tomato
🥑 avocado
🍆 eggplant
🥔 potato
🥕 carrot
🌽 corn
🌶️ hot_pepper
🥦 broccoli
🧄 garlic
🧅 onion
🥜 peanuts
🍞 bread
🥐 croissant
🥖 baguette
🥨 pretzel
🧀 cheese
🥚 egg
🍳 cooking
🥞 pancakes
🥓 bacon
🍔 hamburger burger
🍟 fries
🍕 pizza
🌭 hotdog
🥪 sandwich
🌮 taco
🌯 burrito
🥗 salad
🍝 spaghetti pasta
🍜 ramen
🍣 sushi
🍤 shrimp
🍙 rice_ball
🍚 rice
🍦 icecream
🍩 doughnut donut
🍪 cookie
🎂 birthday
🍰 cake
🧁 cupcake
🍫 chocolate
🍬 candy
🍿 popcorn
🍯 honey
☕ coffee
🍵 tea
🍺 beer
🍻 beers cheers
🥂 champagne_glasses
🍷 wine
🥃 whisky
🍸 cocktail
🍹 tropical_drink
🍾 champagne
🧊 ice
🍴 fork_knife
🏠 house home
🏢 office
🏥 hospital
🏫 school
🏰 castle
⛺ tent
🌉 bridge
🏝️ island
🏖️ beach
⛰️ mountain
🌋 volcano
🗺️ map
🧭 compass
🚗 car
🚕 taxi
🚌 bus
🚓 police_car
🚑 ambulance
🚒 fire_engine
🚚 truck
🚜 tractor
🏍️ motorcycle
🚲 bike bicycle
🚂 train
🚇 metro
✈️ airplane plane
🚀 rocket
🛸 ufo
🚁 helicopter
⛵ sailboat boat
🚤 speedboat
🛥️ motor_boat
⛴️ ferry
🚢 ship
⚓ anchor
🛟 ring_buoy lifebuoy
🚦 traffic_light
🚧 construction
⌚ watch
⏰ alarm_clock
⏳ hourglass
🕐 clock
📱 phone mobile
💻 laptop computer
⌨️ keyboard
🖥️ desktop
🖨️ printer
💾 floppy save
💿 cd
📷 camera
🎥 movie_camera
📺 tv
📻 radio
🎙️ microphone
🔋 battery
🔌 plug
💡 bulb idea
🔦 flashlight
🕯️ candle
💰 moneybag
💳 credit_card
💎 gem
🔧 wrench
🔨 hammer
🛠️ tools
⚙️ gear
🔩 bolt
🧲 magnet
🧪 test_tube
🔬 microscope
🔭 telescope
💊 pill
💉 syringe
🚪 door
🛏️ bed
🛋️ couch
🚽 toilet
🚿 shower
🧹 broom
🧺 basket
🧻 toilet_paper
🧼 soap
🎁 gift
🎈 balloon
🎉 tada party
🎊 confetti
🎃 jack_o_lantern pumpkin
🏆 trophy
🥇 gold first_place
🥈 silver
🥉 bronze
🏅 medal
⚽ soccer
🏀 basketball
🏈 football
⚾ baseball
🎾 tennis
🏐 volleyball
🎱 billiards
🏓 ping_pong
🥊 boxing_glove
🎯 dart target
⛳ golf
🎣 fishing
🏊 swim
🚴 cyclist
🎮 video_game
🕹️ joystick
🎲 dice game_die
🧩 puzzle
♟️ chess
🎨 art
🎭 theatre
🎬 clapper
🎤 karaoke
🎧 headphones
🎵 music note
🎶 notes
🎸 guitar
🎹 piano
🥁 drum
🎺 trumpet
🎻 violin
✉️ envelope
📧 email mail
📨 incoming_envelope
📦 package parcel
📫 mailbox
📝 memo pencil
📁 folder
📅 calendar date
📈 chart_up
📉 chart_down
📊 bar_chart
📋 clipboard
📌 pushpin pin
📎 paperclip
✂️ scissors
🗑️ wastebasket trash
🔒 lock
🔓 unlock
🔑 key
🗝️ old_key
🔗 link
📚 books
📖 book
📰 newspaper news
🔖 bookmark
🔍 mag search
🔔 bell
🔕 no_bell
📢 loudspeaker
📣 mega
🏁 checkered_flag
🚩 flag
🏴‍☠️ pirate_flag pirate
🏳️‍🌈 rainbow_flag
✅ white_check_mark check done
☑️ ballot_box
✔️ heavy_check
❌ x cross
❎ cross_mark
➕ plus
➖ minus
❓ question
❗ exclamation
‼️ bangbang
⚠️ warning
🚫 no_entry_sign forbidden
⛔ no_entry
🛑 stop
♻️ recycle
🔄 arrows refresh
➡️ arrow_right
⬅️ arrow_left
⬆️ arrow_up
⬇️ arrow_down
🔴 red_circle
🟠 orange_circle
🟡 yellow_circle
🟢 green_circle
🔵 blue_circle
🟣 purple_circle
⚫ black_circle
⚪ white_circle
🆗 ok
🆕 new
🆒 cool_button
🆘 sos
ℹ️ info
♾️ infinity
☮️ peace
☯️ yin_yang
`;
