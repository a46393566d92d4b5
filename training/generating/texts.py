"""What the speech engines read: everyday sentences and proverbs, written for this recipe, and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEXTS: dict[str, str] = {
    "en": """Where have you been all night? | I told you not to open that door. | The early bird catches the worm.
        | Nobody knows what happened to the old ship. | Give me the keys, and stay behind me. | It rained for three days and the river rose.
        | You should have called the doctor yesterday. | Welcome back; our guests tonight have travelled far. | Quick, hide under the table!
        | The judge asked whether the witness was quite sure. | A small fish swam through the yellow weeds. | I never said that she stole my money.
        | We choose the road that nobody else would take. | Please measure the pressure in both vessels. | Oh, thank you, how kind of you.
        | Zebras graze beside the azure pools. | What a thing to say! Are you joking? | The prices of bread and butter went up again this week.""",
    "de": """Wo bist du die ganze Nacht gewesen? | Ich habe dir gesagt, dass du die Tür nicht öffnen sollst. | Morgenstund hat Gold im Mund.
        | Niemand weiß, was aus dem alten Schiff geworden ist. | Gib mir die Schlüssel und bleib hinter mir. | Die Züge fahren heute leider verspätet ab.
        | Wir haben zwölf Äpfel und fünf Brötchen gekauft. | Schnell, versteck dich unter dem Tisch! | Der Richter fragte, ob sich die Zeugin sicher sei.""",
    "fr-fr": """Où étais-tu toute la nuit ? | Je t'avais dit de ne pas ouvrir cette porte. | Petit à petit, l'oiseau fait son nid.
        | Personne ne sait ce qu'est devenu le vieux bateau. | Donne-moi les clés et reste derrière moi. | Il a plu trois jours et la rivière a monté.
        | Vite, cache-toi sous la table ! | Bonsoir, nos invités viennent de très loin. | Un bon vin rouge avec du pain et du fromage.""",
    "es": """¿Dónde has estado toda la noche? | Te dije que no abrieras esa puerta. | A quien madruga, Dios le ayuda.
        | Nadie sabe qué pasó con el viejo barco. | Dame las llaves y quédate detrás de mí. | Llovió tres días y el río creció.
        | ¡Rápido, escóndete debajo de la mesa! | Mañana iremos al mercado con mi hermana. | El perro de mi vecino ladra todas las noches.""",
    "it": """Dove sei stato tutta la notte? | Ti avevo detto di non aprire quella porta. | Chi dorme non piglia pesci.
        | Nessuno sa che fine abbia fatto la vecchia nave. | Dammi le chiavi e resta dietro di me. | Ha piovuto per tre giorni e il fiume è salito.
        | Presto, nasconditi sotto il tavolo! | Domani andiamo al mare con gli amici. | Il giudice chiese se il testimone fosse sicuro.""",
    "pt-br": """Onde você esteve a noite toda? | Eu disse para não abrir aquela porta. | Água mole em pedra dura tanto bate até que fura.
        | Ninguém sabe o que aconteceu com o navio velho. | Me dê as chaves e fique atrás de mim. | Choveu três dias e o rio subiu.
        | Rápido, esconda-se debaixo da mesa! | Amanhã vamos à feira com a minha irmã.""",
    "ru": """Где ты был всю ночь? | Я же говорил тебе не открывать эту дверь. | Тише едешь, дальше будешь.
        | Никто не знает, что стало со старым кораблём. | Дай мне ключи и стой за мной. | Дождь шёл три дня, и река поднялась.
        | Быстро, прячься под стол! | Завтра мы пойдём на рынок с сестрой. | Судья спросил, уверен ли свидетель.""",
    "uk": """Де ти був усю ніч? | Я казав тобі не відчиняти цих дверей. | Без труда нема плода.
        | Ніхто не знає, що сталося зі старим кораблем. | Дай мені ключі й стій за мною. | Завтра ми підемо на базар із сестрою.""",
    "pl": """Gdzie byłeś przez całą noc? | Mówiłem ci, żebyś nie otwierał tych drzwi. | Bez pracy nie ma kołaczy.
        | Nikt nie wie, co się stało ze starym statkiem. | Daj mi klucze i stój za mną. | Szybko, schowaj się pod stół!
        | W Szczebrzeszynie chrząszcz brzmi w trzcinie. | Jutro pójdziemy na targ z siostrą.""",
    "cs": """Kde jsi byl celou noc? | Říkal jsem ti, abys ty dveře neotvíral. | Bez práce nejsou koláče.
        | Nikdo neví, co se stalo se starou lodí. | Dej mi klíče a zůstaň za mnou. | Zítra půjdeme na trh se sestrou.""",
    "nl": """Waar ben je de hele nacht geweest? | Ik zei toch dat je die deur niet open moest doen. | Wie het kleine niet eert, is het grote niet weerd.
        | Niemand weet wat er met het oude schip is gebeurd. | Geef me de sleutels en blijf achter me. | Vlug, kruip onder de tafel!""",
    "sv": """Var har du varit hela natten? | Jag sa ju åt dig att inte öppna dörren. | Borta bra men hemma bäst.
        | Ingen vet vad som hände med det gamla skeppet. | Ge mig nycklarna och stanna bakom mig. | I morgon går vi till torget med min syster.""",
    "da": """Hvor har du været hele natten? | Jeg sagde jo, at du ikke måtte åbne den dør. | Ingen ved, hvad der skete med det gamle skib.
        | Giv mig nøglerne og bliv bag mig. | Det regnede i tre dage, og floden steg. | Skynd dig, gem dig under bordet!""",
    "fi": """Missä sinä olit koko yön? | Minähän sanoin, ettet saa avata sitä ovea. | Oma maa mansikka, muu maa mustikka.
        | Kukaan ei tiedä, mitä vanhalle laivalle tapahtui. | Anna minulle avaimet ja pysy takanani. | Huomenna menemme torille siskoni kanssa.""",
    "tr": """Bütün gece neredeydin? | Sana o kapıyı açma demiştim. | Damlaya damlaya göl olur.
        | Eski gemiye ne olduğunu kimse bilmiyor. | Anahtarları ver ve arkamda kal. | Üç gün yağmur yağdı ve nehir yükseldi. | Çabuk, masanın altına saklan!""",
    "el": """Πού ήσουν όλη τη νύχτα; | Σου είπα να μην ανοίξεις εκείνη την πόρτα. | Κανείς δεν ξέρει τι έγινε το παλιό καράβι.
        | Δώσε μου τα κλειδιά και μείνε πίσω μου. | Έβρεχε τρεις μέρες και το ποτάμι φούσκωσε. | Γρήγορα, κρύψου κάτω από το τραπέζι!""",
    "hu": """Hol voltál egész éjjel? | Megmondtam, hogy ne nyisd ki azt az ajtót. | Ki korán kel, aranyat lel.
        | Senki sem tudja, mi történt a régi hajóval. | Add ide a kulcsokat, és maradj mögöttem. | Gyorsan, bújj az asztal alá!""",
    "ro": """Unde ai fost toată noaptea? | Ți-am spus să nu deschizi ușa aceea. | Cine se scoală de dimineață departe ajunge.
        | Nimeni nu știe ce s-a întâmplat cu vaporul cel vechi. | Dă-mi cheile și stai în spatele meu. | Mâine mergem la piață cu sora mea.""",
    "hi": """तुम सारी रात कहाँ थे? | मैंने कहा था कि वह दरवाज़ा मत खोलना। | बूँद बूँद से सागर भरता है।
        | किसी को नहीं पता कि पुराने जहाज़ का क्या हुआ। | मुझे चाबियाँ दो और मेरे पीछे रहो। | तीन दिन बारिश हुई और नदी चढ़ गई। | कल हम बहन के साथ बाज़ार जाएँगे।""",
    "ta": """நீ இரவு முழுவதும் எங்கே இருந்தாய்? | அந்த கதவை திறக்காதே என்று சொன்னேன். | நாளை நாங்கள் சந்தைக்கு போவோம்.
        | மூன்று நாட்கள் மழை பெய்தது. | சாவியை கொடு, என் பின்னால் நில்.""",
    "ar": """أَيْنَ كُنْتَ طَوالَ اللَّيْل؟ | قُلْتُ لَكَ لا تَفْتَحْ ذٰلِكَ الباب. | لا أَحَدَ يَعْرِفُ ماذا حَدَثَ لِلسَّفينَةِ القَديمَة.
        | أَعْطِني المَفاتيحَ وابْقَ خَلْفي. | غَداً نَذْهَبُ إلى السّوقِ مَعَ أُخْتي.""",
    "cmn": """你整晚去哪里了？ | 我告诉过你不要打开那扇门。 | 没有人知道那艘旧船怎么了。 | 把钥匙给我，站在我后面。
        | 雨下了三天，河水涨了。 | 快，躲到桌子下面去！ | 明天我们和妹妹一起去市场。 | 今天天气真好，我们出去走走吧。""",
    "vi": """Cả đêm qua anh ở đâu? | Tôi đã bảo anh đừng mở cánh cửa đó. | Không ai biết chuyện gì đã xảy ra với con tàu cũ.
        | Đưa chìa khóa cho tôi và đứng sau tôi. | Mưa ba ngày và nước sông dâng lên. | Ngày mai chúng tôi đi chợ với em gái.""",
    "id": """Kamu dari mana semalaman? | Sudah kubilang jangan buka pintu itu. | Sedikit demi sedikit, lama-lama menjadi bukit.
        | Tidak ada yang tahu apa yang terjadi dengan kapal tua itu. | Berikan kuncinya dan tetap di belakangku. | Besok kami pergi ke pasar.""",
    "sw": """Ulikuwa wapi usiku kucha? | Nilikuambia usifungue mlango huo. | Haraka haraka haina baraka.
        | Hakuna anayejua kilichotokea kwa meli ya zamani. | Nipe funguo na ubaki nyuma yangu. | Kesho tutaenda sokoni na dada yangu.""",
    "ko": """밤새 어디 있었어? | 그 문을 열지 말라고 했잖아. | 천 리 길도 한 걸음부터. | 그 낡은 배가 어떻게 됐는지 아무도 몰라.
        | 열쇠를 주고 내 뒤에 있어. | 내일 우리는 동생과 시장에 갈 거예요.""",
    "fa": """تمام شب کجا بودی؟ | به تو گفتم آن در را باز نکن. | قطره قطره جمع گردد وانگهی دریا شود.
        | کلیدها را به من بده و پشت من بمان. | فردا با خواهرم به بازار می‌رویم.""",
    "ca": """On has estat tota la nit? | Et vaig dir que no obrissis aquella porta. | De mica en mica s'omple la pica.
        | Ningú no sap què va passar amb el vaixell vell. | Dona'm les claus i queda't darrere meu. | Demà anirem al mercat amb la meva germana.""",
    "bg": """Къде беше цяла нощ? | Казах ти да не отваряш тази врата. | Никой не знае какво стана със стария кораб.
        | Дай ми ключовете и стой зад мен. | Утре ще отидем на пазара със сестра ми. | Бързо, скрий се под масата!""",
    "cy": """Ble buost ti drwy'r nos? | Dywedais wrthyt am beidio ag agor y drws yna. | Does neb yn gwybod beth ddigwyddodd i'r hen long.
        | Rho'r allweddi i mi ac aros y tu ôl i mi. | Yfory byddwn yn mynd i'r farchnad gyda fy chwaer.""",
    # Below: read by held-out sources only.
    "et": """Kus sa terve öö olid? | Ma ütlesin sulle, et ära ava seda ust. | Keegi ei tea, mis vana laevaga juhtus.
        | Anna mulle võtmed ja püsi minu taga. | Homme läheme õega turule. | Kolm päeva sadas vihma ja jõgi tõusis.""",
    "ms": """Awak pergi ke mana sepanjang malam? | Saya sudah kata jangan buka pintu itu. | Sikit-sikit, lama-lama jadi bukit.
        | Tiada siapa tahu apa yang terjadi kepada kapal lama itu. | Beri saya kunci dan tunggu di belakang saya.""",
    "sk": """Kde si bol celú noc? | Hovoril som ti, aby si tie dvere neotváral. | Nikto nevie, čo sa stalo so starou loďou.
        | Daj mi kľúče a zostaň za mnou. | Zajtra pôjdeme na trh so sestrou. | Rýchlo, schovaj sa pod stôl!""",
    "is": """Hvar varstu í alla nótt? | Ég sagði þér að opna ekki þessar dyr. | Enginn veit hvað varð um gamla skipið.
        | Gefðu mér lyklana og vertu fyrir aftan mig. | Á morgun förum við á markaðinn með systur minni.""",
    "lt": """Kur buvai visą naktį? | Sakiau tau neatidaryti tų durų. | Niekas nežino, kas nutiko senajam laivui.
        | Duok man raktus ir stovėk už manęs. | Rytoj su seserimi eisime į turgų.""",
    "la": """Ubi fuisti per totam noctem? | Dixi tibi ne ianuam aperires. | Gutta cavat lapidem non vi sed saepe cadendo.
        | Nemo scit quid navi veteri acciderit. | Da mihi claves et mane post me. | Cras cum sorore ad forum ibimus.""",
}  # fmt: skip

HELD_OUT = ("et", "ms", "sk", "is", "lt", "la")
"""Languages that no training source reads."""
TRAINED = tuple(language for language in TEXTS if language not in HELD_OUT)


def sentences(language: str) -> list[str]:
    return [" ".join(one.split()) for one in TEXTS[language].split("|")]


def passage(language: str, rng: np.random.Generator, count: int) -> str:
    """Sentences of a language in random order, now and then with a number, which every engine reads."""
    known: Sequence[str] = sentences(language)
    chosen = rng.choice(len(known), min(count, len(known)), replace=False)
    parts = [known[int(index)] for index in chosen]
    if rng.random() < 0.3:
        at = int(rng.integers(0, len(parts) + 1))
        number = int(10 ** rng.uniform(1, 5))
        parts.insert(at, f"{number}, {int(rng.integers(2, 99))}, {int(rng.integers(2, 2100))}.")
    return " ".join(parts)
